//! Decodes all inputs in parallel, and puts what bears on judgement into its order.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use trailbrake_detectors::catalog::Catalog;
use trailbrake_detectors::decode::{Decoded, decode};
use trailbrake_detectors::event::Event;
use trailbrake_detectors::time::Millis;
use trailbrake_detectors::timeline::FactKey;

use super::input::Found;
use crate::pipeline::Accounts;

/// Facts held at once; more than that must be replayed in parts.
const FACTS_MAX: usize = 1_000_000;
/// Threads that decode.
const THREADS_MAX: usize = 16;

/// What the inputs held.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// The events, in their order.
    pub(super) events: Vec<Event>,
    /// Received, rejected and ignored.
    pub(super) accounts: Accounts,
    /// Inputs that could not be read, and why.
    pub(super) unreadable: Vec<String>,
}

/// A progress bar, which is seen on a terminal only.
pub(super) fn progress(length: u64, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr_with_hz(5));
    let style = ProgressStyle::with_template("{msg:>10} {wide_bar} {percent:>3} % {eta}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.with_message(what)
}

/// Reads and decodes everything.
pub(super) fn gather(found: Found, now: Millis) -> anyhow::Result<Facts> {
    let Found { inputs, mut unreadable } = found;
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    let (payloads, payloads_out) = sync_channel::<(usize, Vec<u8>)>(threads);
    let (decoded, decoded_out) = sync_channel(threads);
    let payloads_out = Arc::new(Mutex::new(payloads_out));
    let bar = progress(inputs.iter().map(super::input::Input::size).sum(), "reading");
    let collected = std::thread::scope(|scope| {
        for _ in 0..threads {
            let (payloads, decoded) = (Arc::clone(&payloads_out), decoded.clone());
            scope.spawn(move || work(&payloads, &decoded, now));
        }
        // Only the workers hold these from here on: each channel ends when the one before it has.
        drop((decoded, payloads_out));
        let unreadable = &mut unreadable;
        let bar = &bar;
        scope.spawn(move || {
            let mut number = 0;
            for input in &inputs {
                let size = input.size();
                let result = input.read(|payload| {
                    // Without workers there is nobody left to read for.
                    let _ = payloads.send((number, payload));
                    number += 1;
                });
                unreadable.extend(result.err());
                bar.inc(size);
            }
        });
        collect(&decoded_out)
    });
    bar.finish_and_clear();
    let (accounts, mut kept) = collected?;
    // Two copies of an event that differ keep the order in which they were read.
    kept.sort_by_cached_key(|(number, event)| (FactKey::of(event), *number));
    Ok(Facts { events: kept.into_iter().map(|(_, event)| event).collect(), accounts, unreadable })
}

fn work(payloads: &Mutex<Receiver<(usize, Vec<u8>)>>, decoded: &SyncSender<(usize, Decoded)>, now: Millis) {
    loop {
        let next = payloads.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((number, payload)) = next else { return };
        if decoded.send((number, decode(&payload, now, Catalog::built_in()))).is_err() {
            return;
        }
    }
}

/// The accounts, and the events with the number of the payload that held them.
type Collected = (Accounts, Vec<(usize, Event)>);

fn collect(decoded: &Receiver<(usize, Decoded)>) -> anyhow::Result<Collected> {
    let (mut accounts, mut kept) = (Accounts::default(), Vec::new());
    let mut too_many = false;
    for (number, part) in decoded {
        accounts.receive(part.received);
        accounts.count(Accounts::IGNORED, part.ignored);
        accounts.count(Accounts::REJECTED, part.rejects.len() as u64 + part.rejects_undescribed);
        too_many |= kept.len() + part.events.len() > FACTS_MAX;
        if !too_many {
            kept.extend(part.events.into_iter().map(|event| (number, event)));
        }
    }
    if too_many {
        anyhow::bail!("more than {FACTS_MAX} events that bear on judgement\nhint: replay a shorter time, day by day");
    }
    Ok((accounts, kept))
}
