//! Help, usage and error messages, word by word.

#[test]
fn messages_read_as_agreed() {
    trycmd::TestCases::new()
        .default_bin_path(env!("CARGO_BIN_EXE_counterfoil"))
        .env("NO_COLOR", "1")
        .case("tests/cmd/*.toml")
        .case("tests/cmd/*.trycmd");
}
