//! The database: Diesel's tables, the rows' way to the domain and back, the queries, for PostgreSQL and SQLite. Knows
//! nothing of HTTP, Stripe or email, and decides nothing: it asks `domain`.

#[macro_use]
mod db;
mod among;
mod asks;
mod backup;
mod books;
mod bulk;
mod chores;
mod continuity;
mod desk;
mod migrate;
mod payout_rows;
mod payouts;
#[expect(clippy::duplicate_mod, reason = "the query bodies are compiled once for each database, on purpose")]
mod pg;
mod reconciling;
mod remote;
mod rows;
mod schema;
mod server;
mod sqlite;
mod sweeps;
mod types;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::AsyncConnection;

use crate::domain::facts::{AccountFact, DisputeFact, Fact};
use crate::domain::hold::{Hold, Subject};
use crate::domain::ids::{AccountId, ChargeId, MentorId, PaymentId, RunId};
use crate::domain::mentor::{Account, Mentor};
use crate::domain::notice::Outgoing;
use crate::domain::payment::{Pause, PaymentStatus};
use crate::domain::policy::Policy;
use crate::domain::release::Case;
use crate::ports::{
    Claimed, DueLetter, Kept, Lease, MentorChange, NewEvent, Outcome, PaymentRef, PaymentView, Picked, Preflighted,
    Projected, Reclaimed, Recorded, RunCounts, Sent, StatusFigures, Store, StoreError, TimelineEntry, Trigger,
    Unprojected, UsedTokens,
};
use db::Db;
pub use db::block_here;
pub use migrate::SchemaState;
use types::Timestamp;

/// Tokens are forgotten so long after they have expired: the clocks of two daemons may differ.
const FORGOTTEN_AFTER: TimeDelta = TimeDelta::hours(1);

/// Connections that a daemon uses at most, where nothing else is said.
const DEFAULT_CONNECTIONS: usize = 10;

/// The configured database, with the policy that its transactions decide by.
#[derive(Clone)]
pub struct Database {
    db: Db,
    policy: Arc<Policy>,
}

impl Database {
    /// Opens `sqlite://path` or `postgres://…`, without connecting yet.
    pub fn open(url: &str, policy: Arc<Policy>) -> Result<Self> {
        Self::open_with(url, DEFAULT_CONNECTIONS, policy)
    }

    /// The same, with so many connections at most.
    pub fn open_with(url: &str, connections: usize, policy: Arc<Policy>) -> Result<Self> {
        Ok(Self { db: Db::open(url, connections)?, policy })
    }

    /// How the schema stands to this payoutd.
    pub async fn schema_state(&self) -> Result<SchemaState> {
        migrate::state(&self.db).await
    }

    /// Runs pending migrations. Answers their versions.
    pub async fn migrate(&self) -> Result<Vec<String>> {
        self.schema_state().await?.refuse_newer()?;
        // In a task of its own: it blocks its thread, and must not keep its caller from doing something else meanwhile.
        let db = self.db.clone();
        let run = tokio::spawn(async move { migrate::run(&db).await }).await;
        run.unwrap_or_else(|panic| Err(StoreError::Refused { doing: "migrate", why: panic.to_string() }))
    }
}

type Result<T> = std::result::Result<T, StoreError>;

#[async_trait]
impl Store for Database {
    async fn keep_events(&self, events: Vec<NewEvent>) -> Result<Vec<Kept>> {
        match &self.db {
            // One statement is a transaction by itself.
            Db::Postgres(pool) => pg::keep_events(pool.clone(), events).await,
            Db::Sqlite { .. } => tx!(self.db, "keep events", |conn| inbox::keep(conn, &events)),
        }
    }

    async fn unprojected(&self, limit: i64, besides: Vec<i64>, now: DateTime<Utc>) -> Result<Vec<Unprojected>> {
        read!(self.db, "read the inbox", |conn| inbox::waiting(conn, limit, &besides, now.into()))
    }

    async fn project(&self, events: Vec<Projected>, now: DateTime<Utc>) -> Result<bool> {
        let policy = self.policy.clone();
        tx!(self.db, "project events", |conn| project::project(conn, &events, &policy, now.into()))
    }

    async fn oldest_unprojected(&self) -> Result<Option<DateTime<Utc>>> {
        let oldest: Option<Timestamp> = read!(self.db, "read the inbox", |conn| inbox::oldest(conn))?;
        Ok(oldest.map(DateTime::from))
    }

    async fn pick_due(&self, limit: i64, revisit_at: DateTime<Utc>, now: DateTime<Utc>) -> Result<Picked> {
        let policy = self.policy.clone();
        tx!(self.db, "pick due payments", |conn| release::pick_due(conn, limit, revisit_at, &policy, now))
    }

    async fn preview_due(&self, limit: i64, now: DateTime<Utc>) -> Result<Vec<(Case, DateTime<Utc>)>> {
        read!(self.db, "read due payments", |conn| release::preview(conn, limit, now))
    }

    async fn claim(&self, ready: Vec<Preflighted>, lease: Lease, now: DateTime<Utc>) -> Result<Vec<Claimed>> {
        match self.claim_together(ready.clone(), lease.clone(), now).await {
            // One that the database refuses must not keep the others from being paid.
            Err(StoreError::Refused { .. } | StoreError::Corrupt { .. }) => {
                let mut claimed = Vec::with_capacity(ready.len());
                for payment in ready {
                    let id = payment.payment_id;
                    match self.claim_together(vec![payment], lease.clone(), now).await {
                        Err(error @ (StoreError::Refused { .. } | StoreError::Corrupt { .. })) => {
                            claimed.push(Claimed::Refused(id, error.to_string()));
                        }
                        alone => claimed.extend(alone?),
                    }
                }
                Ok(claimed)
            }
            claimed => claimed,
        }
    }

    async fn postpone(&self, payments: Vec<PaymentId>, pause: Pause) -> Result<()> {
        tx!(self.db, "postpone payments", |conn| waiting::postpone(conn, &payments, pause))
    }

    async fn wake_held_by_settings(&self) -> Result<usize> {
        tx!(self.db, "wake payments", |conn| waiting::wake_held_by_settings(conn))
    }

    async fn accounts_to_read(&self, stale_before: DateTime<Utc>, limit: i64) -> Result<Vec<AccountId>> {
        read!(self.db, "read accounts", |conn| mentor_accounts::to_read(conn, stale_before.into(), limit))
    }

    async fn disputes_to_read(
        &self,
        stale_before: DateTime<Utc>,
        limit: i64,
        now: DateTime<Utc>,
    ) -> Result<Vec<ChargeId>> {
        let stale_before = stale_before.into();
        let unheard = read!(self.db, "read disputes", |conn| disputes::unheard(conn, stale_before, limit))?;
        if !unheard.is_empty() {
            let charges = unheard.clone();
            tx!(self.db, "ask about disputes", |conn| disputes::asked(conn, &charges, now.into()))?;
        }
        Ok(unheard)
    }

    async fn learn_disputes(&self, disputes: Vec<DisputeFact>, now: DateTime<Utc>) -> Result<()> {
        let policy = self.policy.clone();
        let facts: Vec<Fact> = disputes.into_iter().map(Fact::Dispute).collect();
        tx!(self.db, "keep disputes", |conn| project::apply_all(conn, &facts, &policy, now))
    }

    async fn learn_account(&self, account: AccountFact, now: DateTime<Utc>) -> Result<()> {
        tx!(self.db, "keep an account", |conn| told::keep_account(conn, &account, Some(now.into())))
    }

    async fn reclaim(&self, limit: i64, lease: Lease, now: DateTime<Utc>) -> Result<Vec<Reclaimed>> {
        let policy = self.policy.clone();
        tx!(self.db, "take up operations", |conn| operations::reclaim(conn, limit, &lease, &policy, now))
    }

    async fn refresh_case(&self, payment: PaymentId, facts: Vec<Fact>, now: DateTime<Utc>) -> Result<Case> {
        let policy = self.policy.clone();
        tx!(self.db, "take in a charge", |conn| operations::refresh_case(conn, payment, &facts, &policy, now))
    }

    async fn conclude(&self, outcomes: Vec<Outcome>, now: DateTime<Utc>) -> Result<Vec<Recorded>> {
        match self.record(outcomes.clone(), now).await {
            // One that the database refuses must not keep the others from being recorded.
            Err(StoreError::Refused { .. } | StoreError::Corrupt { .. }) => {
                let mut recorded = Vec::with_capacity(outcomes.len());
                for outcome in outcomes {
                    recorded.extend(self.record_alone(outcome, now).await?);
                }
                Ok(recorded)
            }
            recorded => recorded,
        }
    }

    async fn next_operation_at(&self) -> Result<Option<DateTime<Utc>>> {
        let at: Option<Timestamp> = read!(self.db, "read operations", |conn| operations::next_at(conn))?;
        Ok(at.map(DateTime::from))
    }

    async fn tell(&self, notices: Vec<Outgoing>, now: DateTime<Utc>) -> Result<()> {
        let policy = self.policy.clone();
        tx!(self.db, "write emails", |conn| outbox::write(conn, &notices, &policy, now))
    }

    async fn due_letters(
        &self,
        limit: i64,
        merge_window: Duration,
        lease: Lease,
        now: DateTime<Utc>,
    ) -> Result<Vec<DueLetter>> {
        tx!(self.db, "lease emails", |conn| outbox::lease(conn, limit, merge_window, &lease, now))
    }

    async fn letter_sent(&self, letter: DueLetter, sent: Sent, now: DateTime<Utc>) -> Result<()> {
        tx!(self.db, "record an email", |conn| outbox::sent(conn, &letter, &sent, now))
    }

    async fn begin_run(&self, trigger: Trigger, now: DateTime<Utc>) -> Result<RunId> {
        tx!(self.db, "begin a run", |conn| admin::begin_run(conn, trigger, now.into()))
    }

    async fn finish_run(&self, run: RunId, counts: RunCounts, error: Option<String>, now: DateTime<Utc>) -> Result<()> {
        tx!(self.db, "end a run", |conn| admin::finish_run(conn, run, counts, error.as_deref(), now))
    }

    async fn find_payment(&self, by: PaymentRef) -> Result<Option<PaymentView>> {
        read!(self.db, "find a payment", |conn| views::find(conn, &by))
    }

    async fn payments(&self, status: Option<PaymentStatus>, limit: i64) -> Result<Vec<PaymentView>> {
        read!(self.db, "list payments", |conn| views::list(conn, status, limit))
    }

    async fn timeline(&self, payment: PaymentId) -> Result<Vec<TimelineEntry>> {
        read!(self.db, "read a payment's story", |conn| views::timeline(conn, payment.0))
    }

    async fn status(&self, now: DateTime<Utc>) -> Result<StatusFigures> {
        read!(self.db, "count", |conn| status::figures(conn, &self.policy, now))
    }

    async fn place_hold(&self, on: Subject, actor: String, reason: String, now: DateTime<Utc>) -> Result<Option<i64>> {
        tx!(self.db, "place a hold", |conn| admin::place_hold(conn, &on, &actor, &reason, now.into()))
    }

    async fn lift_holds(&self, on: Subject, actor: String, reason: String, now: DateTime<Utc>) -> Result<Vec<Hold>> {
        tx!(self.db, "lift holds", |conn| admin::lift_holds(conn, &on, &actor, &reason, now.into()))
    }

    async fn retry(&self, payment: PaymentId, actor: String, now: DateTime<Utc>) -> Result<bool> {
        tx!(self.db, "retry a payment", |conn| admin::retry(conn, payment, &actor, now.into()))
    }

    async fn put_mentor(
        &self,
        id: MentorId,
        change: MentorChange,
        actor: String,
        now: DateTime<Utc>,
    ) -> Result<Mentor> {
        tx!(self.db, "record a mentor", |conn| admin::put_mentor(conn, &id, &change, &actor, now.into()))
    }

    async fn mentors(&self, id: Option<MentorId>, limit: i64) -> Result<Vec<(Mentor, Option<Account>, Vec<Hold>)>> {
        read!(self.db, "list mentors", |conn| admin::mentors(conn, id.as_ref(), limit))
    }

    async fn check(&self) -> Result<()> {
        self.schema_state().await?.require_current()
    }
}

#[async_trait]
impl UsedTokens for Database {
    async fn use_once(&self, jti: &str, expires_at: DateTime<Utc>, now: DateTime<Utc>) -> Result<bool> {
        let jti = jti.to_owned();
        let first = tx!(self.db, "use a token", |conn| tokens::insert(conn, &jti, expires_at.into(), now.into()))?;
        if first {
            // In a transaction of its own: should it fail, the token is used all the same.
            let long_expired = (now - FORGOTTEN_AFTER).into();
            let forgotten = tx!(self.db, "forget old tokens", |conn| tokens::forget(conn, long_expired));
            if let Err(error) = forgotten {
                tracing::warn!(%error, "old tokens stay on record for now");
            }
        }
        Ok(first)
    }
}

impl Database {
    async fn claim_together(&self, ready: Vec<Preflighted>, lease: Lease, now: DateTime<Utc>) -> Result<Vec<Claimed>> {
        let policy = self.policy.clone();
        tx!(self.db, "claim payments", |conn| release::claim(conn, &ready, &lease, &policy, now))
    }

    async fn record(&self, outcomes: Vec<Outcome>, now: DateTime<Utc>) -> Result<Vec<Recorded>> {
        let policy = self.policy.clone();
        tx!(self.db, "record outcomes", |conn| operations::record(conn, &outcomes, &policy, now))
    }

    async fn record_alone(&self, outcome: Outcome, now: DateTime<Utc>) -> Result<Vec<Recorded>> {
        match self.record(vec![outcome], now).await {
            Err(error @ (StoreError::Refused { .. } | StoreError::Corrupt { .. })) => {
                Ok(vec![Recorded::Refused(error.to_string())])
            }
            recorded => recorded,
        }
    }
}
