//! Signing mode none.

use std::sync::Arc;

use counterfoil_signer::{NullSigner, Signer};
use counterfoil_testkit::signer::signs_nothing;

#[test]
fn the_null_signer_signs_nothing_and_says_so() {
    signs_nothing(&NullSigner);
    let boxed: Box<dyn Signer> = Box::new(NullSigner);
    signs_nothing(&boxed);
    let shared: Arc<dyn Signer> = Arc::new(NullSigner);
    signs_nothing(&shared);
}
