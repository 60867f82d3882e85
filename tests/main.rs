//! The integration tests, in one binary: fewer programs to link, and the servers are started by one.

mod support;

mod bad_input;
mod blind;
mod core_wall;
mod deploy;
mod faults;
mod follow;
mod journal;
mod kill;
mod lifecycle;
mod load;
mod parts;
mod replay;
mod soak;
mod whole_chain;
mod yesterday;
