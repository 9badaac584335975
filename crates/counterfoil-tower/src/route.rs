//! The template of a route.

/// The template of the route that a request takes, for routers that we have no adapter for: whoever routes puts it into the
/// extensions of the request before the layer sees it.
///
/// ```
/// use counterfoil_tower::RouteTemplate;
/// let mut request = http::Request::new(());
/// request.extensions_mut().insert(RouteTemplate::new("/users/{id}"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteTemplate(&'static str);

impl RouteTemplate {
    /// A template that is part of the program.
    #[must_use]
    pub const fn new(template: &'static str) -> Self {
        Self(template)
    }

    /// The template.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        self.0
    }
}
