//! Comparing the configured database with Stripe: each method is one query or one transaction.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel_async::AsyncConnection;

use super::{Database, Result};
use crate::domain::discrepancy::{Compared, Discrepancy};
use crate::domain::facts::Fact;
use crate::domain::ids::AccountId;
use crate::ports::{KeptRow, OpenDiscrepancy, Reconciling, Span};

#[async_trait]
impl Reconciling for Database {
    async fn compare(&self, there: Vec<(Fact, DateTime<Utc>)>) -> Result<Vec<Discrepancy>> {
        read!(self.db, "compare with Stripe", |conn| reconcile::compared(conn, &there))
    }

    async fn kept(&self, what: Compared, span: Span, after: Option<KeptRow>, limit: i64) -> Result<Vec<KeptRow>> {
        read!(self.db, "read what is kept", |conn| reconcile::kept(conn, what, span, after.as_ref(), limit))
    }

    async fn accounts_paid_out(&self, span: Span, after: Option<AccountId>, limit: i64) -> Result<Vec<AccountId>> {
        let after = after.map(AccountId::into_string).unwrap_or_default();
        let found = read!(self.db, "read accounts with payouts", |conn| {
            reconcile::accounts_paid_out(conn, span, &after, limit)
        })?;
        Ok(found.into_iter().map(AccountId::new).collect())
    }

    async fn take_in(&self, facts: Vec<Fact>, now: DateTime<Utc>) -> Result<()> {
        let policy = self.policy.clone();
        tx!(self.db, "take in what Stripe has", |conn| reconcile::take_in(conn, &facts, &policy, now))
    }

    async fn note(&self, found: Vec<Discrepancy>, now: DateTime<Utc>) -> Result<i64> {
        tx!(self.db, "record discrepancies", |conn| reconcile::note(conn, &found, now))
    }

    async fn close_gone(&self, span: Span, since: DateTime<Utc>) -> Result<i64> {
        tx!(self.db, "close discrepancies", |conn| reconcile::close_gone(conn, span, since))
    }

    async fn open_discrepancies(&self, limit: i64) -> Result<(i64, Vec<OpenDiscrepancy>)> {
        read!(self.db, "read discrepancies", |conn| reconcile::open(conn, limit))
    }
}
