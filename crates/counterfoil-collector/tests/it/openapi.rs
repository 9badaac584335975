//! The OpenAPI document.

use std::path::Path;

#[test]
fn the_document_in_the_reference_is_the_one_that_is_served() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/openapi.json");
    let document = counterfoil_collector::openapi::document();
    if std::env::var_os("COUNTERFOIL_BLESS").is_some() {
        std::fs::write(&path, &document).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == document,
        "docs/reference/openapi.json is not up to date; run this test with COUNTERFOIL_BLESS=1 and read the difference"
    );
}
