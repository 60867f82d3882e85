//! Trailbrake's shell: everything that touches the world. The core, which judges, is the crate `trailbrake_detectors`.
//!
//! Read the modules in the order in which data passes through them.

pub mod source;
pub mod journal;
pub mod alert;
pub mod act;
pub mod api;
pub mod clock;
pub mod config;
pub mod limits;
pub mod metrics;
pub mod cli;
