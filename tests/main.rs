//! The one binary of integration tests.

mod core_wall;
mod replay;
