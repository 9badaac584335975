//! One line of the result.

/// What one row of design §9 came to.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) threads: usize,
    pub(crate) ns_per_op: f64,
    /// The best assembly of stock crates that we could tune by hand, in the same run.
    pub(crate) stock_ns_per_op: f64,
    /// The target, in nanoseconds per operation; a target that is a ratio is turned into nanoseconds of this run. `None`
    /// where the design names none and the comparison is all there is.
    pub(crate) target_ns: Option<f64>,
    /// `None` where the work is spread over threads that are not ours to count in.
    pub(crate) allocations_per_op: Option<f64>,
    /// What `stock_ns_per_op` is.
    pub(crate) stock: &'static str,
    /// Whatever else was measured in the same run, each under a name that ends with its unit.
    pub(crate) figures: Vec<(&'static str, f64)>,
}

impl Row {
    /// The row as one line of JSON.
    pub(crate) fn to_json(&self) -> String {
        let mut row = serde_json::json!({
            "schema": "counterfoil.bench/v1",
            "name": self.name,
            "threads": self.threads,
            "ns_per_op": rounded(self.ns_per_op),
            "stock_ns_per_op": rounded(self.stock_ns_per_op),
            "ratio": rounded(self.stock_ns_per_op / self.ns_per_op),
            "target_ns": self.target_ns.map(rounded),
            "met": self.is_met(),
            "allocations_per_op": self.allocations_per_op.map(rounded),
            "stock": self.stock,
        });
        for (name, value) in &self.figures {
            row[*name] = rounded(*value).into();
        }
        row.to_string()
    }

    /// The row as one line of a table.
    pub(crate) fn to_text(&self) -> String {
        let mut line = format!(
            "{:<44} {:>2}T {:>12.1} ns {:>12.1} ns stock {:>7.1}x {} {:>7} allocs",
            self.name,
            self.threads,
            self.ns_per_op,
            self.stock_ns_per_op,
            self.stock_ns_per_op / self.ns_per_op,
            self.target_to_text(),
            self.allocations_per_op
                .map_or_else(|| "-".to_owned(), |count| format!("{count:.2}")),
        );
        for (name, value) in &self.figures {
            line.push_str(&format!("\n    {name:<36} {value:>16.1}"));
        }
        line
    }

    fn is_met(&self) -> Option<bool> {
        self.target_ns.map(|target| self.ns_per_op <= target)
    }

    fn target_to_text(&self) -> String {
        let verdict = match self.is_met() {
            None => return format!("{:>29}", "no target"),
            Some(true) => "met",
            Some(false) => "missed",
        };
        let target = self.target_ns.unwrap_or_default();
        format!("{target:>12.1} ns target {verdict:<6}")
    }
}

fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
