//! Trailbrake's shell: everything that touches the world. The core, which judges, is the crate `trailbrake_detectors`.
//!
//! Read the modules in the order in which data passes through them.

pub mod act;
pub mod alert;
pub mod api;
pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod health;
pub mod inventory;
pub mod journal;
pub mod limits;
pub mod logs;
pub mod metrics;
pub mod order;
pub mod pause;
pub mod pipeline;
pub mod signed;
#[cfg(test)]
mod simulation;
pub mod source;
pub mod stamp;
pub mod token;
mod trail;
