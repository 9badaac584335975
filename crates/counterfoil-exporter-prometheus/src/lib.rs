//! Prometheus text exposition of Counterfoil metrics
