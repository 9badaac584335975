//! A service that keeps every rule.

mod http;
mod messages;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let guard = counterfoil::init(counterfoil::init::Config::new("orders", "1").env()?)?;
    http::serve()?;
    messages::take()?;
    guard.close();
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn tests_may_print() {
        println!("they may");
    }
}
