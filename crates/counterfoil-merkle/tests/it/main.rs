//! The integration tests of `counterfoil-merkle`, as one binary.

mod notes;
mod tree;
mod vectors;
