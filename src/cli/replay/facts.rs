//! Decodes all inputs in parallel, and hands on what each payload held, in the order of the payloads.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use trailbrake_detectors::catalog::Catalog;
use trailbrake_detectors::decode::{Decoded, decode};
use trailbrake_detectors::event::Event;
use trailbrake_detectors::time::{Millis, Second};

use super::input::{Found, Input};
use crate::pipeline::Accounts;

/// Threads that decode.
const THREADS_MAX: usize = 16;
/// Payloads per thread that are on their way at once, from reading to being handed on.
const PAYLOADS_PER_THREAD: usize = 3;

/// What came of reading, apart from events.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// Received, rejected and ignored.
    pub(crate) accounts: Accounts,
    /// Rejects by reason.
    pub(crate) rejected: BTreeMap<&'static str, u64>,
    /// Records that say of a destruction that it was a read; they are judged all the same.
    pub(crate) read_only_destructive: u64,
    /// Resources that calls named past what is kept of one call.
    pub(crate) resources_left_out: u64,
    /// Inputs that there were.
    pub(crate) inputs: usize,
    /// Inputs that could not be read, and why.
    pub(crate) unreadable: Vec<String>,
}

/// What one payload held.
pub(crate) struct Part {
    /// Its events, in their order.
    pub(crate) events: Vec<Event>,
    /// The greatest event time seen, in records that bear on nothing as well.
    pub(crate) newest: Option<Second>,
}

/// A progress bar, which is seen on a terminal only.
pub(crate) fn progress(length: u64, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr_with_hz(5));
    let style = ProgressStyle::with_template("{msg:>10} {wide_bar} {percent:>3} % {eta}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.with_message(what)
}

/// What a worker makes of a payload.
type Parts = (u64, Decoded);

/// Reads and decodes everything; `take` is given what each payload held, in the order of the inputs.
pub(crate) fn read(
    found: Found,
    now: Millis,
    catalog: &Catalog,
    take: &mut dyn FnMut(Part) -> anyhow::Result<()>,
) -> anyhow::Result<Reading> {
    let Found { inputs, unreadable } = found;
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    let (payloads, payloads_out) = sync_channel::<(u64, Vec<u8>)>(threads);
    let (decoded, decoded_out) = sync_channel::<Parts>(threads);
    // Each payload holds a place from when it is read until it is handed on, so that a slow one stops those after it.
    let (places, places_back) = sync_channel::<()>(threads * PAYLOADS_PER_THREAD);
    let payloads_out = Arc::new(Mutex::new(payloads_out));
    let bar = progress(inputs.iter().map(Input::size).sum(), "reading");
    let mut reading = Reading { inputs: inputs.len() + unreadable.len(), unreadable, ..Reading::default() };
    let (taken, failed) = std::thread::scope(|scope| {
        for _ in 0..threads {
            let (payloads, decoded) = (Arc::clone(&payloads_out), decoded.clone());
            scope.spawn(move || work(&payloads, &decoded, now, catalog));
        }
        // Only the workers hold these from here on: each channel ends when the one before it has.
        drop((decoded, payloads_out));
        let bar = &bar;
        let reader = scope.spawn(move || read_all(&inputs, &payloads, &places, bar));
        let taken = hand_on(&decoded_out, &places_back, &mut reading, take);
        // Should handing on have failed, this lets the others end.
        drop((decoded_out, places_back));
        (taken, reader.join())
    });
    bar.finish_and_clear();
    reading.unreadable.extend(failed.map_err(|_| anyhow::anyhow!("the reading thread failed"))?);
    taken.map(|()| reading)
}

/// Reads all inputs, one after the other; returns what could not be read.
fn read_all(
    inputs: &[Input],
    payloads: &SyncSender<(u64, Vec<u8>)>,
    places: &SyncSender<()>,
    bar: &ProgressBar,
) -> Vec<String> {
    let mut number = 0;
    let mut unreadable = Vec::new();
    for input in inputs {
        let result = input.read(|payload| {
            // Without anybody to take it there is nothing left to read for.
            let goes_on = places.send(()).is_ok() && payloads.send((number, payload)).is_ok();
            number += 1;
            goes_on
        });
        unreadable.extend(result.err());
        bar.inc(input.size());
    }
    unreadable
}

fn work(payloads: &Mutex<Receiver<(u64, Vec<u8>)>>, decoded: &SyncSender<Parts>, now: Millis, catalog: &Catalog) {
    loop {
        let next = payloads.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((number, payload)) = next else { return };
        if decoded.send((number, decode(&payload, now, catalog))).is_err() {
            return;
        }
    }
}

fn hand_on(
    decoded: &Receiver<Parts>,
    places: &Receiver<()>,
    reading: &mut Reading,
    take: &mut dyn FnMut(Part) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut early: BTreeMap<u64, Decoded> = BTreeMap::new();
    let mut next = 0;
    for (number, part) in decoded {
        early.insert(number, part);
        while let Some(part) = early.remove(&next) {
            next += 1;
            // A place was taken for it.
            let _ = places.recv();
            reading.count(&part);
            take(Part { events: part.events, newest: part.newest })?;
        }
    }
    Ok(())
}

impl Reading {
    fn count(&mut self, part: &Decoded) {
        self.accounts.receive(part.received);
        self.accounts.count(Accounts::IGNORED, part.ignored);
        self.accounts.count(Accounts::REJECTED, part.rejects.len() as u64 + part.rejects_undescribed);
        self.read_only_destructive = self.read_only_destructive.saturating_add(part.read_only_destructive);
        let left_out: u64 = part.events.iter().map(|event| u64::from(event.resources_left_out)).sum();
        self.resources_left_out = self.resources_left_out.saturating_add(left_out);
        for reject in &part.rejects {
            *self.rejected.entry(reject.reason.as_str()).or_default() += 1;
        }
        if part.rejects_undescribed > 0 {
            *self.rejected.entry("not-described").or_default() += part.rejects_undescribed;
        }
    }
}
