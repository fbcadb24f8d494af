//! The daemon: the loops and the listener, from start to a clean end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use super::cron;
use super::health::Watch;
use super::wiring::{AppError, Worker};
use crate::config::Config;
use crate::http;
use crate::jobs::GroupInbox;
use crate::ports::Store;
use crate::stripe::{SetupError, Signatures};

/// A daemon at work.
pub struct Daemon {
    worker: Worker,
    listener_tasks: TaskTracker,
    listening: Listening,
    grace: Duration,
}

/// Where it listens.
#[derive(Debug, Clone, Copy)]
pub struct Listening {
    /// The address, with the port that was given where 0 was asked for.
    pub address: SocketAddr,
}

impl Daemon {
    /// Starts everything. When it returns, webhooks are taken in and the loops turn.
    pub async fn start(config: &Config) -> Result<Self, AppError> {
        let serve = config.require_serve()?;
        let signatures = Signatures::new(&serve.webhook_secrets, config.webhook.tolerance)?;
        let token_keys = cron::token_keys(config)?;
        // The port first: it is the cheapest to find taken.
        let address = config.webhook.listen;
        let listener = TcpListener::bind(address).await.map_err(|why| AppError::Listen { address, why })?;
        let address = listener.local_addr().map_err(|why| AppError::Listen { address, why })?;
        let worker = Worker::new(config).await?;
        let router = http::router(state(config, &worker, signatures, token_keys)?);
        worker.jobs.start(&worker.tasks)?;
        let listener_tasks = TaskTracker::new();
        let stop = worker.stop.clone();
        let most_connections = usize::try_from(config.webhook.max_connections).unwrap_or(256);
        listener_tasks.spawn(async move { http::serve(listener, router, most_connections, stop).await });
        listener_tasks.close();
        Ok(Self { worker, listener_tasks, listening: Listening { address }, grace: config.shutdown.grace })
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
        let Self { worker, listener_tasks, grace, .. } = self;
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

fn state(
    config: &Config,
    worker: &Worker,
    signatures: Signatures,
    token_keys: Option<http::Keys>,
) -> Result<http::State, SetupError> {
    let store: Arc<dyn Store> = Arc::new(worker.database.clone());
    Ok(http::State {
        inbox: Arc::new(GroupInbox::spawn(worker.jobs.clone(), &worker.tasks)),
        signatures: Arc::new(signatures),
        health: Arc::new(Watch { store, breaker: worker.jobs.breaker(), clock: worker.clock.clone() }),
        cron: token_keys.map(|keys| Arc::new(cron::endpoint(config, worker, keys))),
        clock: worker.clock.clone(),
        settings: http::Settings {
            body_limit_bytes: usize::try_from(config.webhook.body_limit_bytes).unwrap_or(256 * 1024),
            ..http::Settings::default()
        },
    })
}
