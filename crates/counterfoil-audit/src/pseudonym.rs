//! Pseudonyms of principals (audit specification §3, `who.principal`).

use std::fmt;

use counterfoil_core::{Pseudonym, Pseudonymise, REDACTED};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

const DOMAIN: &[u8] = b"counterfoil.dev/principal/v1\n";
/// Bytes of a pseudonym: enough that no two principals of a tenant share one.
const LEN: usize = 16;

/// The secret of a deployment that pseudonyms are made with: whoever holds it finds the records of a person by making the
/// pseudonym again, and nobody else can try identities out. Each tenant has a key of its own, derived from it, so that two tenants
/// cannot be joined over a person.
///
/// The memory is overwritten when it is dropped. Keep the secret for as long as records have to be found by person, and destroy it
/// to make all of them unlinkable.
///
/// ```
/// use counterfoil_audit::PseudonymKey;
/// use counterfoil_core::WorkloadIdentity;
///
/// let key = PseudonymKey::from_bytes(&[7; 32]);
/// let alice = key.pseudonym("acme", "alice@example.com");
/// assert_eq!(alice, key.pseudonym("acme", "alice@example.com"));
/// assert_ne!(alice, key.pseudonym("other", "alice@example.com"));
/// let who = WorkloadIdentity::tenant_only("acme").with_principal(&alice);
/// ```
pub struct PseudonymKey(Zeroizing<[u8; 32]>);

/// The key of one tenant, for whatever names principals of that tenant only: given to a
/// [`Redactor`](counterfoil_core::Redactor), it makes the same pseudonyms out of labels and fields called `principal` as stand in
/// audit records.
///
/// ```
/// use counterfoil_audit::PseudonymKey;
/// use counterfoil_core::{Redact, Redactor};
///
/// let key = PseudonymKey::from_bytes(&[7; 32]);
/// let redactor = Redactor::builder().pseudonyms(key.of_tenant("acme")).build();
/// assert_eq!(
///     redactor.redact_label("principal", "alice@example.com"),
///     Some(key.pseudonym("acme", "alice@example.com").to_string()),
/// );
/// ```
pub struct TenantPseudonyms(Zeroizing<[u8; 32]>);

impl PseudonymKey {
    /// Takes a secret of 32 random bytes.
    #[must_use]
    pub fn from_bytes(secret: &[u8; 32]) -> Self {
        Self(Zeroizing::new(*secret))
    }

    /// The pseudonym of `principal` within `tenant`: `p-` and 32 hexadecimal digits.
    #[must_use]
    pub fn pseudonym(&self, tenant: &str, principal: &str) -> Pseudonym {
        self.of_tenant(tenant).pseudonym(principal)
    }

    /// The key of one tenant.
    #[must_use]
    pub fn of_tenant(&self, tenant: &str) -> TenantPseudonyms {
        TenantPseudonyms(Zeroizing::new(mac(&self.0, &[DOMAIN, tenant.as_bytes()])))
    }
}

impl Pseudonymise for TenantPseudonyms {
    fn pseudonym(&self, principal: &str) -> Pseudonym {
        let tag = mac(&self.0, &[principal.as_bytes()]);
        let digits: String = tag[..LEN]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Pseudonym::assume(&format!("p-{digits}"))
    }
}

fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC fills a short key up with zeros to a block itself.
    let mut block = Zeroizing::new([0; 64]);
    block[..32].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

impl fmt::Debug for PseudonymKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PseudonymKey({REDACTED})")
    }
}

impl fmt::Debug for TenantPseudonyms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TenantPseudonyms({REDACTED})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pseudonym_is_the_one_that_another_implementation_makes() {
        let key = PseudonymKey::from_bytes(&[7; 32]);
        // Two nested HMAC-SHA-256 of the Python standard library.
        assert_eq!(
            key.pseudonym("acme", "alice@example.com").to_string(),
            "p-7a2f16be4276d03fc6969cbb4d123a11"
        );
    }

    #[test]
    fn the_secret_is_not_printed_and_another_one_makes_other_pseudonyms() {
        let (one, other) = (
            PseudonymKey::from_bytes(&[7; 32]),
            PseudonymKey::from_bytes(&[8; 32]),
        );
        assert_ne!(one.pseudonym("a", "b"), other.pseudonym("a", "b"));
        assert_eq!(format!("{one:?}"), "PseudonymKey([REDACTED])");
    }
}
