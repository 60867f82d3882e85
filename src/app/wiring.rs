//! Puts the parts together: channels, threads, tasks, listeners.

use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use trailbrake_detectors::engine::Watch;

use super::inventory::InventoryWatch;
use super::recovery::{Recovered, recover};
use super::reload::{Reload, Reloader};
use super::returns::{bring_ends, bring_pause_events, bring_watches, measure_queues};
use super::stages::{self, DecodeInbox, EndNotice, EngineThread, JournalThread};
use super::{AppError, notify};
use crate::alert::{self, LiveRoutes};
use crate::api::{self, Api};
use crate::clock::SharedClock;
use crate::config::{Config, SourceKind};
use crate::health::{self, Health};
use crate::limits::{ACTS_QUEUED_MAX, BATCHES_QUEUED_MAX, CUTS_QUEUED_MAX, REORDER_MAX};
use crate::metrics::Metrics;
use crate::order::{self, Ended};
use crate::pause::{self, PauseClient, PauseConfig, PauseEvent, Spawn};
use crate::pipeline::{ConfigStatus, DecodeStep, EngineStep, Piece, Work};
use crate::source::http::HttpIntake;
use crate::source::{self, Batch, Context, Source, SourceError};

/// A daemon that runs.
pub(super) struct Daemon {
    pub(super) health: Arc<Health>,
    pub(super) sources: JoinSet<Result<(), SourceError>>,
    /// The API, and what brings ends and outcomes back: each ends when what feeds it ends.
    pub(super) api: JoinSet<()>,
    pub(super) returns: JoinSet<()>,
    /// What follows the configuration, and lets receivers come and go.
    pub(super) reloads: JoinSet<()>,
    pub(super) desk: Arc<order::Desk>,
    pub(super) _helpers: JoinSet<()>,
    pub(super) before_engine: Vec<JoinHandle<()>>,
    pub(super) engine: JoinHandle<()>,
    pub(super) journal: JoinHandle<()>,
    pub(super) stage_ended: mpsc::Receiver<&'static str>,
    /// Keeps the stages waiting for batches until the sources are stopped.
    pub(super) batches: mpsc::Sender<Batch>,
    pub(super) pieces: mpsc::Sender<Piece>,
    pub(super) stop_sources: watch::Sender<bool>,
    pub(super) stop_outside: watch::Sender<bool>,
    pub(super) _metrics_server: health::Server,
}

impl Daemon {
    /// Says that the daemon is ready.
    pub(super) fn ready(&self) {
        self.health.set_ready(true);
        notify::ready();
        tracing::info!("ready");
    }
}

/// The ends of the channels that sources and people write to.
struct Inlets {
    batches: mpsc::Sender<Batch>,
    acts: mpsc::Sender<Work>,
    pieces: mpsc::Sender<Piece>,
}

/// Recovers, binds, and starts everything.
pub(super) async fn start(
    config: Config,
    act: Option<Spawn>,
    clock: SharedClock,
    reload: Option<Reload>,
) -> Result<Daemon, AppError> {
    let metrics = Arc::new(Metrics::with_clock(Arc::clone(&clock)));
    let health = Arc::new(Health::new(Arc::clone(&clock)));
    let source_names: Vec<_> = config.sources.iter().map(|source| source.terms.name.as_ref()).collect();
    let receiver_names: Vec<_> = config.receivers.iter().map(|receiver| receiver.name.as_str()).collect();
    metrics.declare(&source_names, &receiver_names);
    metrics.config_read(clock.now());
    let metrics_server = health::start(config.metrics, Arc::clone(&metrics), Arc::clone(&health))?;
    let listener = TcpListener::bind(config.http)
        .await
        .map_err(|error| AppError::Listen { address: config.http, reason: error.to_string() })?;
    let files = api::Files::open(&config)?;
    let (sources, intake) = build_sources(&config)?;
    let routes = LiveRoutes::new(Arc::clone(&config.routes));
    let receivers = alert::build(&config.receivers, config.public_url.as_deref(), &routes)?;
    let recovered = recover(&config, &clock, &metrics)?;

    let (stop_sources, sources_stopped) = watch::channel(false);
    let (stop_outside, outside_stopped) = watch::channel(false);
    let pauses = start_pauses(&config, act, &clock, &metrics, outside_stopped.clone());
    let (client, events) = pauses.map_or((None, None), |(client, events)| (Some(client), Some(events)));
    say_again(client.as_ref(), &recovered);
    let (orders, open_pages) = (recovered.orders.clone(), &recovered.open_pages);
    let shown = order::Shown { metrics: Arc::clone(&metrics), health: Arc::clone(&health) };
    let (orders, desk, ended) = order::start(receivers, orders, open_pages, Arc::clone(&clock), shown, outside_stopped);
    let desk = Arc::new(desk);

    let board = Arc::clone(&recovered.board);
    let positions = Arc::clone(&recovered.positions);
    let outlets = Outlets { orders, pauses: client.clone() };
    let (threads, inlets) = start_threads(&config, recovered, outlets, &clock, &metrics, &health)?;
    // The queue is empty, and without a journal nothing is kept.
    let _ = inlets.pieces.send(EngineStep::started(&config.settings, &config.sha256(), clock.now())).await;
    let returns = start_returns(ended, events, &inlets);
    let (watches, seen) = mpsc::channel(ACTS_QUEUED_MAX);
    let mut helpers = start_helpers(seen, &inlets, &health, &metrics);
    start_inventory(&config, &inlets, &clock, &mut helpers).await;
    let read_at = clock.now().second().to_string();
    board.config(ConfigStatus { read_at, ..ConfigStatus::default() });

    let reloader = reload.map(|reload| Reloader {
        reload,
        config: config.clone(),
        tokens: files.holders(),
        routes,
        desk: Arc::clone(&desk),
        work: inlets.acts.downgrade(),
        board: Arc::clone(&board),
        metrics: Arc::clone(&metrics),
        clock: Arc::clone(&clock),
    });
    let api = Api {
        board,
        work: inlets.acts.clone(),
        intake,
        clock: Arc::clone(&clock),
        brake: config.settings.brake.clone(),
        reads: config.sources.iter().map(api::Reads::of).collect(),
        waiting: desk.waiting(),
        health: Arc::clone(&health),
        act_connected: client.map(|client| Box::new(move || client.is_connected()) as Box<_>),
        metrics: Arc::clone(&metrics),
        bounds: api::Bounds::default(),
    };
    let batches = inlets.batches.clone();
    let context = Context { clock, positions, batches, watches, stop: sources_stopped.clone(), metrics };
    Ok(Daemon {
        health,
        sources: run_sources(sources, &context),
        api: run_api(listener, api, files, sources_stopped),
        returns,
        reloads: start_reloads(reloader),
        desk,
        _helpers: helpers,
        before_engine: threads.decode,
        engine: threads.engine,
        journal: threads.journal,
        stage_ended: threads.ended,
        batches: inlets.batches,
        pieces: inlets.pieces,
        stop_sources,
        stop_outside,
        _metrics_server: metrics_server,
    })
}

/// Says again what `act` has not settled.
fn say_again(client: Option<&PauseClient>, recovered: &Recovered) {
    let Some(client) = client else { return };
    for (desired, mode) in &recovered.unsettled {
        if let Err(error) = client.want(desired.clone(), *mode) {
            tracing::error!(%error, "a pause cannot be said again");
        }
    }
}

/// What follows the configuration.
fn start_reloads(reloader: Option<Reloader>) -> JoinSet<()> {
    let mut reloads = JoinSet::new();
    if let Some(reloader) = reloader {
        reloads.spawn(reloader.run());
    }
    reloads
}

/// What brings back ends of orders and outcomes of pauses.
fn start_returns(
    ended: mpsc::Receiver<Ended>,
    events: Option<mpsc::Receiver<PauseEvent>>,
    inlets: &Inlets,
) -> JoinSet<()> {
    let mut returns = JoinSet::new();
    returns.spawn(bring_ends(ended, inlets.pieces.clone()));
    if let Some(events) = events {
        returns.spawn(bring_pause_events(events, inlets.acts.clone(), inlets.pieces.clone()));
    }
    returns
}

/// What runs beside the way of the data and ends with the daemon.
fn start_helpers(
    seen: mpsc::Receiver<Watch>,
    inlets: &Inlets,
    health: &Arc<Health>,
    metrics: &Arc<Metrics>,
) -> JoinSet<()> {
    let mut helpers = JoinSet::new();
    helpers.spawn(bring_watches(seen, inlets.acts.clone()));
    helpers.spawn(notify::watchdog(Arc::clone(health)));
    helpers.spawn(measure_queues(
        inlets.batches.downgrade(),
        inlets.acts.downgrade(),
        inlets.pieces.downgrade(),
        Arc::clone(metrics),
    ));
    helpers
}

/// Tells the engine what existed before the trail, before anything new is read; and again whenever a file changes.
async fn start_inventory(config: &Config, inlets: &Inlets, clock: &SharedClock, helpers: &mut JoinSet<()>) {
    if config.inventory_files.is_empty() {
        return;
    }
    let mut watch = InventoryWatch::new(config.inventory_files.clone());
    if let Some(inventory) = watch.look().await {
        // The queue is empty, and without an engine nothing is judged.
        let _ = inlets.acts.send(Work::Inventory(Box::new(inventory), clock.now())).await;
    }
    helpers.spawn(watch.run(inlets.acts.downgrade(), Arc::clone(clock)));
}

/// The sources of a configuration, and the intake of the one that is posted to.
type Built = (Vec<Box<dyn Source>>, Option<HttpIntake>);

fn build_sources(config: &Config) -> Result<Built, AppError> {
    let mut sources: Vec<Box<dyn Source>> = Vec::new();
    let mut intake = None;
    for source in &config.sources {
        if !matches!(source.kind, SourceKind::Http) {
            sources.push(source::build(source)?);
            continue;
        }
        let (http, http_intake) = source::http::channel(Arc::clone(&source.terms));
        sources.push(Box::new(http));
        intake = Some(http_intake);
    }
    Ok((sources, intake))
}

fn start_pauses(
    config: &Config,
    act: Option<Spawn>,
    clock: &SharedClock,
    metrics: &Arc<Metrics>,
    stop: watch::Receiver<bool>,
) -> Option<(PauseClient, mpsc::Receiver<PauseEvent>)> {
    let act_config = config.act.as_ref()?;
    let spawn = act.filter(|_| act_config.spawn);
    let pause_config = PauseConfig { socket: act_config.socket.clone(), spawn };
    Some(pause::start(pause_config, Arc::clone(clock), Arc::clone(metrics), stop))
}

/// What the journal's thread hands on to.
struct Outlets {
    orders: order::OrderSender,
    pauses: Option<PauseClient>,
}

struct Threads {
    decode: Vec<JoinHandle<()>>,
    engine: JoinHandle<()>,
    journal: JoinHandle<()>,
    ended: mpsc::Receiver<&'static str>,
}

fn start_threads(
    config: &Config,
    recovered: Recovered,
    outlets: Outlets,
    clock: &SharedClock,
    metrics: &Arc<Metrics>,
    health: &Arc<Health>,
) -> Result<(Threads, Inlets), AppError> {
    let runtime = Handle::current();
    let (batches, batches_out) = mpsc::channel(BATCHES_QUEUED_MAX);
    let (decoded, decoded_out) = mpsc::channel(REORDER_MAX);
    let (acts, acts_out) = mpsc::channel(ACTS_QUEUED_MAX);
    let (pieces, pieces_out) = mpsc::channel(CUTS_QUEUED_MAX);
    let decode_threads = config.decode_threads.max(1);
    let (end, ended) = mpsc::channel(decode_threads + 2);
    let notice = |stage| EndNotice { stage, ended: end.clone() };

    let journal = JournalThread {
        journal: recovered.journal,
        pieces: pieces_out,
        acts: acts.downgrade(),
        orders: outlets.orders,
        pauses: outlets.pauses,
        board: recovered.board,
        clock: Arc::clone(clock),
        metrics: Arc::clone(metrics),
        health: Arc::clone(health),
    };
    let on = runtime.clone();
    let journal = stages::spawn(notice(JournalThread::NAME), move || on.block_on(journal.run()))?;
    let engine = EngineThread {
        step: recovered.step.showing_life({
            let health = Arc::clone(health);
            move || health.beat(EngineThread::NAME)
        }),
        decoded: decoded_out,
        acts: acts_out,
        pieces: pieces.clone(),
        clock: Arc::clone(clock),
        health: Arc::clone(health),
    };
    let on = runtime.clone();
    let engine = stages::spawn(notice(EngineThread::NAME), move || on.block_on(engine.run()))?;
    let inbox = Arc::new(DecodeInbox::new(batches_out, DecodeStep::new(config.catalog.clone())));
    let mut decode = Vec::new();
    for _ in 0..decode_threads {
        let (inbox, decoded, on) = (Arc::clone(&inbox), decoded.clone(), runtime.clone());
        decode.push(stages::spawn(notice("decode"), move || stages::decode(&inbox, &decoded, &on))?);
    }
    Ok((Threads { decode, engine, journal, ended }, Inlets { batches, acts, pieces }))
}

fn run_sources(sources: Vec<Box<dyn Source>>, context: &Context) -> JoinSet<Result<(), SourceError>> {
    let mut running = JoinSet::new();
    for source in sources {
        let name = Arc::clone(&source.terms().name);
        let reading = source.run(context.clone());
        running.spawn(async move {
            let result = reading.await;
            if result.is_ok() {
                tracing::info!(source = %name, "source ended");
            }
            result
        });
    }
    running
}

fn run_api(listener: TcpListener, api: Api, files: api::Files, stop: watch::Receiver<bool>) -> JoinSet<()> {
    let mut running = JoinSet::new();
    running.spawn(api::serve(listener, api, files, stop));
    running
}
