//! A bounded, lossy, never-blocking ring of typed events
