//! The integration tests, in one binary: fewer programs to link, and the servers are started by one.

mod support;

mod kill;
mod parts;
mod whole_chain;
