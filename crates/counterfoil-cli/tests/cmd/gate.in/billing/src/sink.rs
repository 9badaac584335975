use counterfoil_exporter::{Batch, Exporter, Result};

pub struct Pager;

impl Exporter for Pager {
    fn export(&mut self, batch: &Batch) -> Result<()> {
        self.page(batch)
    }
}
