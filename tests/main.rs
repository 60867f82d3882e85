//! The integration tests, in one binary: fewer programs to link, and the servers are started by one.

mod support;

mod deploy;
mod kill;
mod parts;
mod whole_chain;
