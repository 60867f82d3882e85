//! The other process: holds the credentials that can change something, reads no trail, and checks by itself before each change.

pub mod hook;
pub mod protocol;
