//! Benchmarks of Counterfoil against its peers and the physical floor
