//! Findings of one actor, gathered into episodes, and an episode told as an incident.

mod assemble;
mod episode;
mod identity;
mod report;
mod sentence;
mod switched_off;
mod tool;

pub use assemble::{Standing, Subject, assemble, blind};
pub use episode::{Episode, Spoken, absorb};
pub use identity::{incident_id, page_key};
pub use report::*;
pub use sentence::{counted, duration};
pub use tool::tool_of;
