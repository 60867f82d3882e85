//! The pure core of Trailbrake: no I/O, no clock, no randomness, no runtime.
//!
//! Read the rooms in the order in which data passes through them: [`decode`] turns bytes into [`event::Event`]s with the
//! help of the [`catalog`]; the [`timeline`] holds all facts and answers what must be known as of an instant; each
//! [`detector`] judges sums of contributions; [`incident`] gathers findings into episodes; [`brake`] decides what to do;
//! [`engine`] puts them together behind one contract. [`scenario`] writes trails for tests, `simulate` and `demo`.

pub mod brake;
pub mod catalog;
pub mod decode;
pub mod detector;
pub mod engine;
pub mod event;
pub mod incident;
pub mod inventory;
pub mod limits;
pub mod scenario;
pub mod time;
pub mod timeline;

#[cfg(test)]
mod testing;
