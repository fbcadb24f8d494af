//! The daemon: the loops and the listener, from start to a clean end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio_util::task::TaskTracker;

use super::figures::{Gauges, always_shown};
use super::health::Watch;
use super::lock::Lock;
use super::observe::Observer;
use super::reload::{Exchangeable, Reloaded, SharedSignatures};
use super::wiring::{AppError, Worker};
use super::{api, cron};
use crate::config::Config;
use crate::http;
use crate::jobs::GroupInbox;
use crate::ports::Store;
use crate::stripe::Signatures;
use crate::telemetry::metrics;

/// Connections that may scrape figures at once.
const SCRAPERS: usize = 16;

/// A daemon at work.
pub struct Daemon {
    worker: Worker,
    listener_tasks: TaskTracker,
    listening: Listening,
    exchangeable: Exchangeable,
    /// As it was at the start, and still is for what needs a restart.
    started_with: Config,
    /// As it was read last.
    read_last: Config,
    grace: Duration,
    /// Let go when all else has ended.
    _lock: Lock,
}

/// Where it listens.
#[derive(Debug, Clone, Copy)]
pub struct Listening {
    /// The address, with the port that was given where 0 was asked for.
    pub address: SocketAddr,
    /// Where the figures are, when they are asked for.
    pub metrics: Option<SocketAddr>,
}

impl Daemon {
    /// Starts everything. When it returns, webhooks are taken in and the loops turn.
    pub async fn start(config: &Config) -> Result<Self, AppError> {
        let serve = config.require_serve()?;
        let signatures = Signatures::new(&serve.webhook_secrets, config.webhook.tolerance)?;
        let token_keys = cron::token_keys(config)?;
        let api_keys = api::token_keys(config)?;
        let signatures = SharedSignatures::new(signatures);
        // The ports first: they are the cheapest to find taken.
        let webhooks = bind("webhook.listen", config.webhook.listen).await?;
        let scrapes = match config.metrics.listen {
            Some(address) => Some(bind("metrics.listen", address).await?),
            None => None,
        };
        let listening = Listening { address: webhooks.1, metrics: scrapes.as_ref().map(|(_, address)| *address) };
        let lock = Lock::take(config)?;
        let registry = metrics::registry().map_err(|error| AppError::Figures(error.to_string()))?;
        let worker = Worker::new(config).await?;
        worker.jobs.start(&worker.tasks);
        let listener_tasks = TaskTracker::new();
        let most_connections = usize::try_from(config.webhook.max_connections).unwrap_or(256);
        let api = api_keys.map(|keys| api::endpoint(config, &worker, keys)).transpose()?;
        let router = http::router(state(config, &worker, signatures.clone(), token_keys, api));
        listener_tasks.spawn(http::serve(webhooks.0, router, most_connections, worker.stop.clone()));
        if let Some((listener, _)) = scrapes {
            let router = http::metrics_router(Arc::new(gauges(&worker, registry)));
            listener_tasks.spawn(http::serve(listener, router, SCRAPERS, worker.stop.clone()));
        }
        listener_tasks.close();
        let exchangeable = Exchangeable { signatures, mail: worker.mail.clone() };
        Ok(Self {
            worker,
            listener_tasks,
            listening,
            exchangeable,
            started_with: config.clone(),
            read_last: config.clone(),
            grace: config.shutdown.grace,
            _lock: lock,
        })
    }

    /// Takes from a configuration that was read again what can change while the daemon runs.
    ///
    /// # Errors
    /// When what it says cannot work; then all stays as it was.
    pub fn reload(&mut self, new: Config) -> Result<Reloaded, AppError> {
        self.exchangeable.exchange(&new)?;
        let reloaded = Reloaded::of(&self.started_with, &self.read_last, &new);
        self.read_last = new;
        Ok(reloaded)
    }

    /// For those who tell others how it does.
    pub fn observer(&self) -> Observer {
        Observer {
            store: Arc::new(self.worker.database.clone()),
            clock: self.worker.clock.clone(),
            pulse: self.worker.jobs.pulse(),
        }
    }

    /// Where it listens.
    pub fn listening(&self) -> Listening {
        self.listening
    }

    /// The loops and the database, for those who live in the same process.
    pub fn worker(&self) -> &Worker {
        &self.worker
    }

    /// Begins nothing new, lets calls in flight end and records them. `false` when the grace ran out first: what was not
    /// recorded is then taken up by the rescuer after the next start.
    pub async fn stop(self) -> bool {
        // The lock goes with the rest of `self`, at the end.
        let Self { worker, listener_tasks, grace, _lock, .. } = self;
        worker.stop.cancel();
        let Worker { jobs, tasks, .. } = worker;
        // The recorder ends when the last of those who feed it is gone.
        drop(jobs);
        tasks.close();
        let ended = async {
            listener_tasks.wait().await;
            tasks.wait().await;
        };
        tokio::time::timeout(grace, ended).await.is_ok()
    }
}

async fn bind(key: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), AppError> {
    let cannot = |why| AppError::Listen { key, address, why };
    let listener = TcpListener::bind(address).await.map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    Ok((listener, address))
}

fn gauges(worker: &Worker, registry: PrometheusHandle) -> Gauges {
    Gauges {
        store: Arc::new(worker.database.clone()),
        breaker: worker.jobs.breaker(),
        pulse: worker.jobs.pulse(),
        clock: worker.clock.clone(),
        registry,
        seen: Mutex::new(always_shown()),
    }
}

fn state(
    config: &Config,
    worker: &Worker,
    signatures: SharedSignatures,
    token_keys: Option<http::Keys>,
    api: Option<http::Api>,
) -> http::State {
    let store: Arc<dyn Store> = Arc::new(worker.database.clone());
    http::State {
        inbox: Arc::new(GroupInbox::spawn(worker.jobs.clone(), &worker.tasks)),
        signatures: Arc::new(signatures),
        health: Arc::new(Watch { store, breaker: worker.jobs.breaker(), clock: worker.clock.clone() }),
        cron: token_keys.map(|keys| Arc::new(cron::endpoint(config, worker, keys))),
        api: api.map(Arc::new),
        clock: worker.clock.clone(),
        settings: http::Settings {
            body_limit_bytes: usize::try_from(config.webhook.body_limit_bytes).unwrap_or(256 * 1024),
            ..http::Settings::default()
        },
    }
}
