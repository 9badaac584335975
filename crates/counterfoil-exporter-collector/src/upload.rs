//! What is sent in one request.

use counterfoil_core::SealedLine;

/// Lines and checkpoints of one chain, in order, as the body of a request. It can be cleared and filled again.
#[derive(Clone, Debug, Default)]
pub struct Upload {
    body: Vec<u8>,
    records: u64,
    last: Option<u64>,
}

impl Upload {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a sealed line.
    pub fn push(&mut self, line: &SealedLine) {
        self.body.extend_from_slice(&line.bytes);
        self.records += 1;
        self.last = Some(line.seq);
    }

    /// Adds a signed head of the chain; best right behind the record that it is over.
    pub fn push_checkpoint(&mut self, note: &str) {
        let note = serde_json::Value::from(note);
        self.body
            .extend_from_slice(format!("{{\"checkpoint\":{note}}}\n").as_bytes());
    }

    /// Takes everything out and keeps the memory.
    pub fn clear(&mut self) {
        self.body.clear();
        self.records = 0;
        self.last = None;
    }

    /// How many records are in it.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.records
    }

    /// The number of the last record in it.
    #[must_use]
    pub const fn last(&self) -> Option<u64> {
        self.last
    }

    /// Its size in bytes, before compression.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.body.len()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.body.is_empty()
    }

    /// The body: NDJSON.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }
}
