//! What a configuration file says about redaction.

/// What to add to the default policy and to take away from it, as lists of texts that any configuration format can hold.
///
/// ```
/// use counterfoil_core::{RedactionSettings, Redactor};
/// let settings = RedactionSettings {
///     deny: vec!["*_licence".to_owned()],
///     keep: vec!["email".to_owned()],
///     ..RedactionSettings::default()
/// };
/// let redactor = Redactor::builder().settings(&settings)?.build();
/// # Ok::<(), counterfoil_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(
    clippy::exhaustive_structs,
    reason = "filled from a configuration, field by field"
)]
pub struct RedactionSettings {
    /// Patterns of keys to deny, as for [`RedactorBuilder::deny`](crate::RedactorBuilder::deny).
    pub deny: Vec<String>,
    /// Patterns of keys to keep, as for [`RedactorBuilder::allow`](crate::RedactorBuilder::allow).
    pub allow: Vec<String>,
    /// Shapes not to look for, by the names of [`Shape::as_str`](crate::Shape::as_str).
    pub keep: Vec<String>,
    /// Prefixes of tokens, as for [`RedactorBuilder::token_prefix`](crate::RedactorBuilder::token_prefix).
    pub token_prefixes: Vec<String>,
}
