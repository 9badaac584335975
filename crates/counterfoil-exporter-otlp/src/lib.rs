//! Sends Counterfoil's metrics, spans, logs, events and sealed lines over OTLP.
