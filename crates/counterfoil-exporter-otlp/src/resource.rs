//! Who sends.

use counterfoil_core::{Attribute, AttributeValue};

/// What describes the process that sends: OpenTelemetry's resource.
///
/// `telemetry.sdk.*` is always among it. Of two attributes with one key the last one counts.
///
/// ```
/// use counterfoil_exporter_otlp::Resource;
/// let resource = Resource::new("checkout").with("deployment.environment.name", "staging");
/// assert_eq!(resource.service_name(), "checkout");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    attributes: Vec<Attribute>,
}

const SERVICE_NAME: &str = "service.name";

impl Resource {
    /// The resource of a service.
    #[must_use]
    pub fn new(service_name: impl Into<String>) -> Self {
        let sdk = [
            ("telemetry.sdk.language", "rust"),
            ("telemetry.sdk.name", "counterfoil"),
            ("telemetry.sdk.version", env!("CARGO_PKG_VERSION")),
        ];
        let attributes = sdk
            .into_iter()
            .map(|(key, value)| Attribute::new(key, value));
        let resource = Self {
            attributes: attributes.collect(),
        };
        resource.with(SERVICE_NAME, service_name.into())
    }

    /// Adds an attribute, or replaces the one with this key.
    #[must_use]
    pub fn with(
        mut self,
        key: impl Into<std::borrow::Cow<'static, str>>,
        value: impl Into<AttributeValue>,
    ) -> Self {
        let attribute = Attribute::new(key, value);
        self.attributes.retain(|it| it.key != attribute.key);
        self.attributes.push(attribute);
        self
    }

    /// The service's name.
    #[must_use]
    pub fn service_name(&self) -> &str {
        let name = self.attributes.iter().find(|it| it.key == SERVICE_NAME);
        match name.map(|it| &it.value) {
            Some(AttributeValue::Text(name)) => name,
            _ => "",
        }
    }

    /// Everything.
    #[must_use]
    pub fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }
}

/// `unknown_service` and the program's name, as the specification has it for a service without a name.
impl Default for Resource {
    fn default() -> Self {
        let program = std::env::current_exe().ok();
        let name = program
            .as_deref()
            .and_then(std::path::Path::file_name)
            .map(|name| format!("unknown_service:{}", name.to_string_lossy()));
        Self::new(name.unwrap_or_else(|| "unknown_service".to_owned()))
    }
}
