pub fn report(total: u64) {
    println!("{total}");
}
