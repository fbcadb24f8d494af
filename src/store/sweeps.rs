//! Preflight by sweep on the configured database: each method is one query or one transaction.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel_async::AsyncConnection;

use super::{Database, Result};
use crate::domain::facts::Fact;
use crate::domain::sweep::{Sweep, Swept};
use crate::ports::{Lease, PickedBySweep, SweepStanding, Sweeps, UnreadEvent};

#[async_trait]
impl Sweeps for Database {
    async fn sweep_standing(&self, now: DateTime<Utc>) -> Result<SweepStanding> {
        read!(self.db, "read how far was swept", |conn| sweeps::standing(conn, now))
    }

    async fn swept(&self, step: Swept, began: Option<DateTime<Utc>>) -> Result<DateTime<Utc>> {
        tx!(self.db, "record a sweep", |conn| sweeps::swept(conn, step, began))
    }

    async fn sweep_failed(&self, from: Swept, began: DateTime<Utc>) -> Result<DateTime<Utc>> {
        tx!(self.db, "record a sweep that failed", |conn| sweeps::failed(conn, from, began))
    }

    async fn take_in_listed(&self, facts: Vec<Fact>, now: DateTime<Utc>) -> Result<()> {
        let policy = self.policy.clone();
        tx!(self.db, "take in what was listed", |conn| project::apply_all(conn, &facts, &policy, now))
    }

    async fn unread_events(&self, ids: Vec<String>) -> Result<Vec<UnreadEvent>> {
        read!(self.db, "read the inbox", |conn| sweeps::unread(conn, &ids))
    }

    async fn pick_by_sweep(
        &self,
        limit: i64,
        sweep: Sweep,
        lease: Lease,
        revisit_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<PickedBySweep> {
        let policy = self.policy.clone();
        tx!(self.db, "pick and claim payments", |conn| {
            by_sweep::pick_by_sweep(conn, limit, sweep, &lease, revisit_at, &policy, now)
        })
    }
}
