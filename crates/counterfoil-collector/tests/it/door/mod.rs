//! The way in: connections, encryption, credentials, limits and bodies, each with those who try to get around it.

mod bodies;
mod daemon;
mod keys;
mod rates;
mod serving;
mod slow_clients;
mod tls;
