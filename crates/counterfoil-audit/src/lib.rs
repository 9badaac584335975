//! The tamper-evident audit chain: records, sealer, durable log, verification
