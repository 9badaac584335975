fn main() {
    let _guard = counterfoil::init(counterfoil::init::Config::new("refund", "1"));
}
