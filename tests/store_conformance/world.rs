//! A test's world: a migrated database of its own, the store on it, plain SQL beside it, and steps that read as a
//! story.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use payoutd::domain::adjust::AfterPolicy;
use payoutd::domain::event;
use payoutd::domain::facts::{Fact, TransferFact};
use payoutd::domain::ids::{AccountId, MentorId, PaymentId, TransferId};
use payoutd::domain::money::MinorUnits;
use payoutd::domain::onboarding::OnboardingPolicy;
use payoutd::domain::operation::{Done, Operation, Order};
use payoutd::domain::outcome::{Attempted, Conclusion};
use payoutd::domain::policy::{MetadataNames, Policy, RetryPolicy};
use payoutd::domain::triage::{Failure, Refusal};
use payoutd::domain::withdrawal::WithdrawalPolicy;
use payoutd::ports::{
    Claimed, Lease, MentorChange, NewEvent, Outcome, PaymentRef, PaymentView, Picked, Preflighted, Projected, Recorded,
    Store,
};
use payoutd::store::Database;

use crate::events::{self, Event, hour, later};
use crate::sql::Sql;
use crate::support::{TestDb, pg};

/// Test mode, 10 %, 72 hours.
pub fn policy() -> Policy {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Policy {
        livemode: false,
        platform_fee_bps: 1_000,
        dispute_window: Duration::from_secs(72 * 3600),
        minimums: [(usd(), minor(50))].into(),
        withdrawals: WithdrawalPolicy { minimums: [(usd(), minor(1_000))].into() },
        onboarding: OnboardingPolicy { manual_payouts: true },
        names: MetadataNames {
            mentor_id: list(&["mentorUserId", "expertId"]),
            booking_id: list(&["bookingId"]),
            platform_fee: list(&["platformFee"]),
            mentor_amount: list(&["mentorAmount"]),
            session_starts_at: list(&["sessionStartsAt"]),
            session_ends_at: list(&["sessionEndsAt"]),
        },
        admin_email: "admin@example.com".into(),
        retry: RetryPolicy::default(),
        after: AfterPolicy::default(),
        require_completion: false,
        cancellation: Default::default(),
        capture: Default::default(),
        sending: Default::default(),
        letters: Default::default(),
    }
}

pub fn usd() -> payoutd::domain::money::Currency {
    payoutd::domain::money::Currency::parse("usd").expect("known")
}

pub fn minor(amount: i64) -> MinorUnits {
    MinorUnits::new(amount).expect("not negative")
}

pub fn open(url: &str) -> Database {
    Database::open(url, Arc::new(policy())).expect("openable")
}

/// A lease of worker `owner` for two minutes.
pub fn lease(owner: &str, now: DateTime<Utc>) -> Lease {
    Lease { owner: owner.into(), until: now + TimeDelta::minutes(2) }
}

pub struct World {
    pub store: Database,
    pub sql: Sql,
    db: Arc<TestDb>,
}

impl World {
    pub async fn sqlite() -> World {
        let db = TestDb::sqlite();
        open(db.url()).migrate().await.expect("migrated");
        Self::on(db).await
    }

    pub async fn postgres() -> World {
        let migrate = |url: String| async move {
            open(&url).migrate().await.expect("migrated");
        };
        let template = pg::name_after("migrations/postgres");
        Self::on(pg::TestDatabase::from_filled(&template, migrate).await.into()).await
    }

    async fn on(db: TestDb) -> World {
        World { store: open(db.url()), sql: Sql::open(db.url()).await, db: Arc::new(db) }
    }

    pub fn url(&self) -> &str {
        self.db.url()
    }

    /// Its database, to be looked at once the story is told.
    pub fn database(&self) -> Arc<TestDb> {
        self.db.clone()
    }

    /// Another daemon on the same database.
    pub fn another_store(&self) -> Database {
        open(self.url())
    }

    /// A person at psql or sqlite3.
    pub async fn person_runs(&self, statements: &str) {
        self.sql.run(statements).await;
    }

    /// A person who goes around every guard of the books.
    pub async fn tampers(&self, statement: &str) {
        if self.sql.is_postgres() {
            let around = format!("SET session_replication_role = replica; {statement}; RESET session_replication_role");
            return self.sql.run(&around).await;
        }
        let tables = "('ledger_entries', 'ledger_journals', 'debt_entries')";
        let guards = format!("sqlite_master WHERE type = 'trigger' AND tbl_name IN {tables}");
        let guards = self.sql.rows("name, sql", &guards).await;
        for guard in &guards {
            self.sql.run(&format!("DROP TRIGGER {}", guard[0].as_str().expect("a name"))).await;
        }
        self.sql.run(statement).await;
        for guard in &guards {
            self.sql.run(guard[1].as_str().expect("its text")).await;
        }
    }

    /// Balances by account of the whole ledger, as `platform_balance 10000`.
    pub async fn trial_balance(&self) -> Vec<String> {
        let sums = "SELECT account, CAST(sum(amount) AS BIGINT) AS sum FROM ledger_entries GROUP BY account";
        let from = format!("({sums}) AS sums WHERE sum <> 0 ORDER BY account");
        let rows = self.sql.rows("account, sum", &from).await;
        rows.iter().map(|row| format!("{} {}", row[0].as_str().expect("a word"), row[1])).collect()
    }

    /// As if nothing had ever been posted.
    pub async fn forgets_the_ledger(&self) {
        self.tampers("DELETE FROM ledger_entries; DELETE FROM ledger_journals").await;
    }

    pub async fn receives(&self, events: &[NewEvent]) -> Vec<payoutd::ports::Kept> {
        self.store.keep_events(events.to_vec()).await.expect("kept")
    }

    /// Reads and projects everything that waits, in the order in which it came.
    pub async fn projects(&self, now: DateTime<Utc>) {
        let waiting = self.store.unprojected(1_000, Vec::new(), now).await.expect("read");
        let read = |event: payoutd::ports::Unprojected| Projected {
            row_id: event.row_id,
            fact: event::facts(&event.body).map(|(_, fact)| fact).map_err(|why| why.to_string()),
            retry_at: now + TimeDelta::minutes(1),
        };
        let batch = waiting.into_iter().map(read).collect();
        self.store.project(batch, now).await.expect("projected");
    }

    /// Events come, and each is projected before the next one comes.
    pub async fn hears(&self, events: impl AsRef<[Event]>) {
        for event in events.as_ref() {
            self.receives(&[event.arrives(event.at)]).await;
            self.projects(hour(1_000)).await;
        }
    }

    /// Mentor `name` with an address and an active account.
    pub async fn mentor(&self, name: &str) {
        self.mentor_without_account(name).await;
        let change =
            MentorChange { account_id: Some(AccountId::new(format!("acct_{name}"))), ..MentorChange::default() };
        self.store.put_mentor(MentorId::new(name), change, "cli".into(), hour(0)).await.expect("recorded");
        self.hears([events::account(name, "active").told("account.updated", hour(0)).of_account("acct_m1")]).await;
    }

    pub async fn mentor_without_account(&self, name: &str) {
        let change = MentorChange {
            name: Some(format!("Mentor {name}")),
            email: Some(format!("{name}@example.com")),
            account_id: None,
        };
        self.store.put_mentor(MentorId::new(name), change, "cli".into(), hour(0)).await.expect("recorded");
    }

    /// Charges of mentor `m1`, who is in order: to be paid once their window is over.
    pub async fn paid_charges(&self, names: &[&str]) {
        self.mentor("m1").await;
        for name in names {
            self.hears([events::charge(name).told("charge.succeeded", hour(0))]).await;
        }
    }

    pub async fn payment(&self, charge: &str) -> PaymentView {
        let by = PaymentRef::Text(format!("ch_{charge}"));
        self.store.find_payment(by).await.expect("read").expect("a payment")
    }

    pub async fn payment_id(&self, charge: &str) -> PaymentId {
        self.payment(charge).await.case.payment.id
    }

    pub async fn status(&self, charge: &str) -> String {
        self.payment(charge).await.case.payment.status.to_string()
    }

    pub async fn hold_reasons(&self, charge: &str) -> String {
        self.payment(charge).await.case.payment.hold_reasons
    }

    /// Whether a pick at that time would look at it.
    pub async fn is_awake(&self, charge: &str, now: DateTime<Utc>) -> bool {
        self.payment(charge).await.next_check_at.is_some_and(|at| at <= now)
    }

    /// A look at what is due, which lets ready ones alone for an hour.
    pub async fn picks(&self, now: DateTime<Utc>) -> Picked {
        self.store.pick_due(100, now + TimeDelta::hours(1), now).await.expect("picked")
    }

    /// The charges of those that may be paid.
    pub async fn picks_ready(&self, now: DateTime<Utc>) -> Vec<String> {
        let picked = self.picks(now).await;
        let mut charges: Vec<String> =
            picked.ready.iter().map(|(plan, _)| plan.charge_id.as_str()["ch_".len()..].to_owned()).collect();
        charges.sort();
        charges
    }

    pub async fn claims_with(&self, charge: &str, facts: Vec<Fact>, now: DateTime<Utc>) -> Claimed {
        let ready = vec![Preflighted { payment_id: self.payment_id(charge).await, asked_at: now, facts }];
        let mut claimed = self.store.claim(ready, lease("one", now), now).await.expect("claimed");
        assert_eq!(claimed.len(), 1);
        claimed.remove(0)
    }

    pub async fn claims(&self, charge: &str, now: DateTime<Utc>) -> Claimed {
        self.claims_with(charge, Vec::new(), now).await
    }

    /// Claims what must be ready.
    pub async fn submits(&self, charge: &str, now: DateTime<Utc>) -> Operation {
        match self.claims(charge, now).await {
            Claimed::Submit(operation) => *operation,
            other => panic!("not ready: {other:?}"),
        }
    }

    /// A payment whose transfer is on the wire since [`later`].
    pub async fn payment_on_the_wire(&self, charge: &str) -> Operation {
        self.paid_charges(&[charge]).await;
        self.picks(later()).await;
        self.submits(charge, later()).await
    }

    pub async fn concludes(&self, op: &Operation, attempted: Attempted, now: DateTime<Utc>) -> Recorded {
        let outcome = Outcome { operation: op.clone(), attempts: Vec::new(), attempted };
        let mut recorded = self.store.conclude(vec![outcome], now).await.expect("recorded");
        assert_eq!(recorded.len(), 1);
        recorded.remove(0)
    }

    /// Concludes under a lease that must still stand.
    pub async fn writes(&self, op: &Operation, attempted: Attempted, now: DateTime<Utc>) -> Conclusion {
        match self.concludes(op, attempted, now).await {
            Recorded::Written(concluded) => concluded.payment().expect("about a payment").clone(),
            other => panic!("not written: {other:?}"),
        }
    }

    pub async fn emails(&self) -> Vec<String> {
        let rows = self.sql.rows("recipient, kind, to_address", "emails ORDER BY id").await;
        let word = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
        rows.iter().map(|row| row.iter().map(word).collect::<Vec<_>>().join(" ")).collect()
    }
}

/// The transfer that an operation asks for, as Stripe made it.
pub fn transfer_of(op: &Operation, id: &str) -> TransferFact {
    let (Order::Transfer(order) | Order::Restore(order)) = &op.order else { panic!("not a transfer: {op:?}") };
    TransferFact {
        id: TransferId::new(id),
        charge_id: order.source_transaction.clone(),
        destination: order.destination.clone(),
        amount: order.amount,
        reversed: MinorUnits::ZERO,
        currency: order.currency,
        transfer_group: Some(order.transfer_group.clone()),
        operation_key: Some(op.key.as_str().to_owned()),
        created_at: later(),
    }
}

/// Stripe made the transfer.
pub fn done(op: &Operation, id: &str) -> Attempted {
    Attempted::Done(Done::Transfer(transfer_of(op, id)))
}

/// Stripe said no.
pub fn refused(status: u16, code: &str) -> Attempted {
    Attempted::Failed(Failure::Refused(Refusal {
        status,
        kind: "invalid_request_error".into(),
        code: code.into(),
        message: format!("Stripe says {code}"),
        ..Refusal::default()
    }))
}

/// No answer came.
pub fn timeout() -> Attempted {
    Attempted::Failed(Failure::NoAnswer("no answer within 30 s".into()))
}

/// Waits inside of a property, which is not async.
pub fn now<T>(future: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(future))
}

/// Makes of each `async fn name(w: World) { … }` one test on SQLite and one on PostgreSQL.
macro_rules! stories {
    ($($(#[$about:meta])* async fn $name:ident($w:ident: World) $story:block)+) => {$(
        $(#[$about])*
        mod $name {
            #[allow(unused_imports, reason = "not every story needs what stands beside it")]
            use super::*;

            async fn story($w: World) $story

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                let world = World::sqlite().await;
                let database = world.database();
                crate::scans::watch();
                story(world).await;
                crate::scans::none_in(&crate::sql::Sql::open(database.url()).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                story(World::postgres().await).await;
            }
        }
    )+};
}
pub(crate) use stories;
