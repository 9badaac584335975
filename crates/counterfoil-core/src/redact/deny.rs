//! The keys that are denied unless a deployment says otherwise.
//!
//! Written as people write them; case and separators do not matter. `*` stands for any letters and digits, none included.

/// Keys whose values are never shown.
pub(super) const DENIED: &[&str] = &[
    // Passwords.
    "*password*",
    "*passwd*",
    "*passphrase*",
    "*passcode*",
    "pass",
    "pwd",
    "*_pwd",
    "otp",
    "mfa_code",
    "totp",
    "pin_code",
    // Tokens and what stands for a session.
    "*token",
    "*token_enc",
    "jwt",
    "bearer",
    "*authorization",
    "*cookie",
    "*cookies",
    "session_key",
    "jsessionid",
    "phpsessid",
    "connect.sid",
    // Keys.
    "*api_key*",
    "*private_key*",
    "*ssh_key*",
    "*access_key*",
    "*account_key",
    "*encryption_key",
    "*signing_key",
    "*master_key",
    "*shared_key",
    "*secret_key*",
    "*secret_access_key*",
    // Secrets by name, encrypted ones too.
    "*secret",
    "*secrets",
    "*secret_enc",
    "*secret_hash",
    "*secret_value",
    "*credential",
    "*credentials",
    "*credentials_enc",
    "connection_string",
    "*_connection_string",
    "dsn",
    "scheduler_metadata",
    // Payment.
    "stripe_customer_id",
    "payment_reference",
    "payment_id",
    "payment_intent*",
    "payment_method_id",
    "*card_number",
    "pan",
    "cvv",
    "cvv2",
    "cvc",
    "iban",
    "account_number",
    // Persons.
    "*email",
    "*email_address",
    "*e_mails",
    "*user_name",
    "user.full_name",
    "enduser.id",
    "ssn",
    "social_security_number",
];

/// Keys that one of the patterns above would catch and that hold nothing secret.
pub(super) const ALLOWED: &[&str] = &["gen_ai.token.type", "*page_token", "continuation_token"];

/// Parameters of a URL that carry a secret there, though a field of the same name seldom does.
pub(super) const QUERY: &[&str] = &[
    "access",
    "assertion",
    "auth",
    "code",
    "key",
    "saml_response",
    "sig",
    "signature",
    "sid",
    "ticket",
    "x_amz_signature",
    "x_amz_credential",
    "x_goog_signature",
    "x_goog_credential",
];

/// Labels of metrics that are not shown beside those above: a hash names one object or one person for as long as metrics
/// are kept.
pub(super) const LABELS: &[&str] = &["hash"];

/// Keys of one who acts: the value becomes a pseudonym.
pub(super) const PRINCIPAL: &[&str] = &["principal", "principal_id", "principal_name"];

/// Keys of numbers that a card number could be taken for, and is not.
pub(super) const NUMBERS: &[&str] = &[
    "trace_id",
    "span_id",
    "parent_span_id",
    "lease_id",
    "request_id",
    "*_ns",
    "*_us",
    "*_ms",
    "*timestamp",
    "*offset",
    "*bytes",
    "seq",
];
