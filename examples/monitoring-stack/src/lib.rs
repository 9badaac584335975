//! The files of the monitoring stack, and what checks them without Docker: see the README.
