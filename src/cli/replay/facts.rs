//! Reads and decodes all inputs in parallel, and hands on what each payload held, in the order of the payloads.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use trailbrake_detectors::catalog::Catalog;
use trailbrake_detectors::decode::{Decoded, decode};
use trailbrake_detectors::event::Event;
use trailbrake_detectors::time::{Millis, Second};

use super::input::{Found, Input};
use super::rejects::{Progress, Rejects};
use super::size;
use crate::limits::{REPLAY_JOBS_PER_THREAD_MAX, REPLAY_PIECES_QUEUED_MAX, REPLAY_THREADS_MAX};
use crate::pipeline::Accounts;

/// What came of reading, apart from events.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// Received, rejected and ignored.
    pub(crate) accounts: Accounts,
    /// What was rejected, why and where.
    pub(crate) rejects: Rejects,
    /// How many of those ignored are digests of log files.
    pub(crate) digests: u64,
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

/// What comes of one input, or of one payload of a large one, in its order.
enum Piece {
    /// What a payload held, and in how many lines.
    Decoded(Box<Decoded>, usize),
    /// The input could not be read to its end, and why.
    Unreadable(String),
}

/// What a worker does next.
enum Job {
    /// Decodes a payload.
    Payload(Vec<u8>),
    /// Reads a small input by itself: unpacking takes longer than decoding.
    Input(Input),
}

/// Of one job, the number of its input and its name, and what comes of it.
type Awaited = (usize, Arc<str>, Receiver<Piece>);

/// Jobs, and where to put what comes of each.
type Jobs = Receiver<(Job, SyncSender<Piece>)>;

/// What workers share.
struct Shared<'a> {
    jobs: Mutex<Jobs>,
    now: Millis,
    catalog: &'a Catalog,
    bar: &'a ProgressBar,
}

/// Reads and decodes everything; `take` is given what each payload held, in the order of the inputs.
pub(crate) fn read(
    found: Found,
    now: Millis,
    catalog: &Catalog,
    take: &mut dyn FnMut(Part) -> anyhow::Result<()>,
) -> anyhow::Result<Reading> {
    let Found { inputs, unreadable } = found;
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(REPLAY_THREADS_MAX);
    let (jobs, jobs_out) = sync_channel(1);
    // What comes of the jobs is awaited in their order, so that a slow one holds up those after it.
    let (awaited, awaited_out) = sync_channel(threads * REPLAY_JOBS_PER_THREAD_MAX);
    let bar = progress(inputs.iter().map(Input::size).sum(), "reading");
    let mut reading = Reading { inputs: inputs.len() + unreadable.len(), unreadable, ..Reading::default() };
    let shared = Arc::new(Shared { jobs: Mutex::new(jobs_out), now, catalog, bar: &bar });
    let taken = std::thread::scope(|scope| {
        for _ in 0..threads {
            let shared = Arc::clone(&shared);
            scope.spawn(move || work(&shared));
        }
        // Only the workers hold the jobs from here on: without any, the reader ends.
        drop(shared);
        let bar = &bar;
        let reader = scope.spawn(move || hand_out(inputs, &jobs, &awaited, bar));
        let mut progress = Progress::of(0);
        let taken = awaited_out.iter().try_for_each(|awaited| hand_on(&awaited, &mut progress, &mut reading, take));
        // Should handing on have failed, this lets the others end.
        drop(awaited_out);
        reader.join().map_err(|_| anyhow::anyhow!("the reading thread failed")).and(taken)
    });
    bar.finish_and_clear();
    taken.map(|()| reading)
}

/// Makes jobs of all inputs, in their order, as long as anybody takes them.
fn hand_out(
    inputs: Vec<Input>,
    jobs: &SyncSender<(Job, SyncSender<Piece>)>,
    awaited: &SyncSender<Awaited>,
    bar: &ProgressBar,
) {
    for (number, input) in inputs.into_iter().enumerate() {
        let name: Arc<str> = input.to_string().into();
        let add = |job| {
            let (pieces, pieces_out) = sync_channel(REPLAY_PIECES_QUEUED_MAX);
            awaited.send((number, Arc::clone(&name), pieces_out)).is_ok() && jobs.send((job, pieces)).is_ok()
        };
        if input.is_small() {
            if !add(Job::Input(input)) {
                return;
            }
        } else if let Err(reason) = input.read(bar, |payload| add(Job::Payload(payload))) {
            let (pieces, pieces_out) = sync_channel(1);
            // Nobody waits for it where reading has failed already.
            let _ = pieces.send(Piece::Unreadable(reason)).map(|()| awaited.send((number, name, pieces_out)));
        }
    }
}

fn work(shared: &Shared<'_>) {
    let decoded = |payload: &[u8]| {
        let mut decoded = decode(payload, shared.now, shared.catalog);
        decoded.events.iter_mut().for_each(size::fit);
        Piece::Decoded(Box::new(decoded), payload.iter().filter(|byte| **byte == b'\n').count())
    };
    loop {
        let next = shared.jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((job, pieces)) = next else { return };
        // Where nobody awaits them any more, reading has failed, and the jobs end by themselves.
        let _ = match job {
            Job::Payload(payload) => pieces.send(decoded(&payload)),
            Job::Input(input) => match input.read(shared.bar, |payload| pieces.send(decoded(&payload)).is_ok()) {
                Ok(()) => Ok(()),
                Err(reason) => pieces.send(Piece::Unreadable(reason)),
            },
        };
    }
}

/// Hands on what came of one job.
fn hand_on(
    (number, name, pieces): &Awaited,
    progress: &mut Progress,
    reading: &mut Reading,
    take: &mut dyn FnMut(Part) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    if progress.input != *number {
        *progress = Progress::of(*number);
    }
    for piece in pieces {
        match piece {
            Piece::Decoded(part, lines) => {
                reading.count(&part);
                reading.rejects.count(&part, progress, || name.to_string());
                progress.go_on(&part, lines);
                take(Part { events: part.events, newest: part.newest })?;
            }
            Piece::Unreadable(reason) => reading.unreadable.push(reason),
        }
    }
    Ok(())
}

impl Reading {
    /// Whether anything that was read is a record, judged or not: else nothing can be said of the trail.
    pub(crate) fn holds_records(&self) -> bool {
        let others = self.accounts.column(Accounts::REJECTED).saturating_add(self.digests);
        self.accounts.received() > others
    }

    fn count(&mut self, part: &Decoded) {
        self.accounts.receive(part.received);
        self.accounts.count(Accounts::IGNORED, part.ignored);
        self.digests = self.digests.saturating_add(part.digests);
        self.accounts.count(Accounts::REJECTED, part.rejects.len() as u64 + part.rejects_undescribed);
        self.read_only_destructive = self.read_only_destructive.saturating_add(part.read_only_destructive);
        let left_out: u64 = part.events.iter().map(|event| u64::from(event.resources_left_out)).sum();
        self.resources_left_out = self.resources_left_out.saturating_add(left_out);
    }
}
