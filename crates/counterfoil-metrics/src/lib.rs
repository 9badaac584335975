//! Per-thread metric instruments, a metrics::Recorder, and FabricMetrics
