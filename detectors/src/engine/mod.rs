//! Puts the rooms together behind one contract.
mod contract;
pub use contract::*;
