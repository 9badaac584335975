//! One call, three layers: metrics, events and a tamper-evident audit chain
