//! A platform API, its worker and its web front, observed in three layers: see the README.
