//! The inbox with group commit: events that come while a commit is under way go into the next one together. An idle
//! inbox adds no wait, and nobody is answered before their event is committed.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

use super::Jobs;
use crate::ports::{Inbox, Kept, NewEvent, Store, StoreError};

/// Events that go into one commit at most.
const GROUP: usize = 128;
/// Events that wait for a commit at most; beyond that, senders wait.
const QUEUE: usize = 1024;

type Waiting = (NewEvent, oneshot::Sender<Result<Kept, StoreError>>);

/// Keeps events in groups.
pub struct GroupInbox {
    queue: mpsc::Sender<Waiting>,
}

impl GroupInbox {
    /// Starts the committing task on `tasks`; it ends when the inbox is dropped.
    pub fn spawn(jobs: Arc<Jobs>, tasks: &TaskTracker) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        tasks.spawn(keep_committing(jobs, waiting));
        Self { queue }
    }
}

#[async_trait]
impl Inbox for GroupInbox {
    async fn keep(&self, event: NewEvent) -> Result<Kept, StoreError> {
        let (answer, kept) = oneshot::channel();
        let gone = || StoreError::Away("the daemon is stopping".into());
        self.queue.send((event, answer)).await.map_err(|_| gone())?;
        kept.await.unwrap_or_else(|_| Err(gone()))
    }
}

async fn keep_committing(jobs: Arc<Jobs>, mut waiting: mpsc::Receiver<Waiting>) {
    let mut group = Vec::with_capacity(GROUP);
    while waiting.recv_many(&mut group, GROUP).await > 0 {
        let (events, answers): (Vec<_>, Vec<_>) = group.drain(..).unzip();
        for (answer, kept) in answers.into_iter().zip(keep(&*jobs.store, events).await) {
            // A sender who has gone away will send the event again; it is kept once.
            let _ = answer.send(kept);
        }
        jobs.signals.events.notify_one();
    }
}

/// Keeps all in one commit; if the database refuses, each in its own, so that one does not fail the others.
async fn keep(store: &dyn Store, events: Vec<NewEvent>) -> Vec<Result<Kept, StoreError>> {
    let count = events.len();
    match store.keep_events(events.clone()).await {
        Ok(kept) => kept.into_iter().map(Ok).collect(),
        Err(StoreError::Refused { .. }) if count > 1 => {
            let mut answers = Vec::with_capacity(count);
            for event in events {
                answers.push(one(store.keep_events(vec![event]).await));
            }
            answers
        }
        Err(error) => vec![Err(error); count],
    }
}

fn one(kept: Result<Vec<Kept>, StoreError>) -> Result<Kept, StoreError> {
    kept?.pop().ok_or(StoreError::Refused { doing: "keep an event", why: "it gave no answer".into() })
}
