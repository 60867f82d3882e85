//! Trailbrake's shell: everything that touches the world. The core, which judges, is the crate `trailbrake_detectors`.
//!
//! Read the modules in the order in which data passes through them.

pub mod source;
pub mod pipeline;
pub mod journal;
pub mod order;
pub mod alert;
pub mod pause;
pub mod act;
pub mod api;
pub mod app;
pub mod clock;
pub mod config;
pub mod health;
pub mod limits;
pub mod logs;
pub mod metrics;
pub mod cli;
