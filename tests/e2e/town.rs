//! The town that the stories happen in: a daemon, its database, Stripe, mentors, customers and a mailbox. It waits for
//! what is to become true, with a deadline, and never for time to pass.

#[path = "town/plan.rs"]
mod plan;

use std::collections::BTreeMap;
use std::time::Duration;

use payoutd::app::sandbox::{
    DEFAULT_SECRET_KEY, Fault, FaultMatch, FaultRule, NewAccount, Paid, Pay, Sandbox, StripeFees, signature_header,
};
use payoutd::app::{Daemon, SystemClock};
use payoutd::config::Config;
use payoutd::domain::ids::{AccountId, MentorId};
use payoutd::domain::payment::PaymentStatus;
use payoutd::ports::{Clock, MentorChange, PaymentRef, PaymentView, RunCounts, Store, TimelineEntry};
use payoutd::store::Database;
use tempfile::TempDir;

pub use self::plan::Plan;
use self::plan::{config, defaults};
use crate::house::House;
use crate::mailbox::{Email, Mailbox};
use crate::sql::Sql;
use crate::support::TestDb;
use crate::web::{Answer, Web};

pub const WEBHOOK_SECRET: &str = "whsec_town";
pub const ADMIN: &str = "admin@example.com";
/// What has not become true by then never will.
const PATIENCE: Duration = Duration::from_secs(20);
const BETWEEN_LOOKS: Duration = Duration::from_millis(25);

/// The status words, for assertions.
pub mod status {
    pub use payoutd::domain::payment::PaymentStatus::{
        Authorized, Carried, Failed, Netted, Pending, Refunded, Releasing, Transferred, Unpaid,
    };
}

pub struct Town {
    pub sandbox: Sandbox,
    pub mailbox: Mailbox,
    pub sql: Sql,
    pub web: Web,
    pub store: Database,
    settings: BTreeMap<String, String>,
    house: Option<House>,
    dir: TempDir,
    /// Dropped last: a daemon may be at work in it until then.
    _db: TestDb,
}

fn webhook_url(daemon: &Daemon) -> String {
    format!("http://{}/webhooks/stripe", daemon.listening().address)
}

impl Town {
    /// Webhooks by hand, runs by hand, a window that is over at once.
    pub fn plan() -> Plan {
        Plan {
            settings: defaults(),
            database: None,
            automatic_webhooks: false,
            prompt_settlement: false,
            fees: StripeFees::default(),
            key_lifetime_s: None,
        }
    }

    pub async fn new(db: TestDb) -> Town {
        Town::plan().found(db).await
    }

    // Given -----------------------------------------------------------------------------------------------------------

    /// Waits until the daemon has listed what happened before it started, so that it does not find what a story keeps back. In a
    /// town whose Stripe or database is away from the beginning that does not happen.
    async fn has_caught_up(&self) {
        for _ in 0..100 {
            if self.sql.count("continuity WHERE caught_up_at IS NOT NULL").await == 1 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A mentor with an account in order. Answers the account.
    pub async fn mentor(&self, id: &str) -> String {
        let account = self.sandbox.create_account(NewAccount::default()).expect("a free id");
        self.register(id, Some(&account)).await;
        account
    }

    /// What the platform tells payoutd of a mentor.
    pub async fn register(&self, id: &str, account: Option<&str>) {
        let change = MentorChange {
            name: Some(format!("{}{} Mentor", id[..1].to_uppercase(), &id[1..])),
            email: Some(format!("{id}@example.org")),
            account_id: account.map(AccountId::new),
        };
        self.store.put_mentor(MentorId::new(id), change, "e2e".into(), SystemClock.now()).await.expect("recorded");
    }

    /// A charge of 100.00 USD, of which 90.00 are the mentor's. Nothing is delivered.
    pub fn charge(&self, booking: &str, mentor: &str) -> Paid {
        self.pay(booking, mentor, 10_000, "usd")
    }

    pub fn pay(&self, booking: &str, mentor: &str, amount: i64, currency: &str) -> Paid {
        let pay = Pay::new(amount, currency)
            .by("Casey Customer", "casey@example.com")
            .metadata("mentorUserId", mentor)
            .metadata("bookingId", booking)
            .transfer_group(booking);
        self.sandbox.pay(pay).expect("a valid payment")
    }

    /// A charge whose webhooks have arrived and are projected.
    pub async fn known_charge(&self, booking: &str, mentor: &str) -> Paid {
        let paid = self.charge(booking, mentor);
        self.deliver().await;
        paid
    }

    /// Transfers of this booking go wrong, once.
    pub fn trouble(&self, booking: &str, fault: Fault) {
        self.sandbox.add_fault(FaultRule::once(FaultMatch::transfer_group(booking), fault));
    }

    // When ------------------------------------------------------------------------------------------------------------

    /// Brings every event that has not arrived yet, and waits until payoutd has read them all.
    pub async fn deliver(&self) {
        for event in self.sandbox.undelivered() {
            let statuses = self.sandbox.deliver(&event.id).await.expect("the listener is there");
            assert_eq!(statuses, [200], "{} {}", event.kind, event.id);
        }
        self.all_read().await;
    }

    /// Brings the undelivered events of these types alone.
    pub async fn deliver_only(&self, kinds: &[&str]) {
        let wanted = |kind: &str| kinds.iter().any(|wanted| kind.starts_with(wanted));
        for event in self.sandbox.undelivered().iter().filter(|event| wanted(&event.kind)) {
            assert_eq!(self.sandbox.deliver(&event.id).await.expect("the listener is there"), [200]);
        }
        self.all_read().await;
    }

    /// Every kept event has been tried.
    pub async fn all_read(&self) {
        self.until("events are read", async || self.sql.count("webhook_events WHERE state = 'pending'").await == 0)
            .await;
    }

    /// Stripe tells times in whole seconds, and of two tellings in one second the more careful counts. What follows is
    /// told in a later one.
    pub async fn next_second(&self) {
        let second = SystemClock.now().timestamp();
        self.until("the next second", async || SystemClock.now().timestamp() > second).await;
    }

    /// One release run.
    pub async fn run(&self) -> RunCounts {
        self.house().run().await
    }

    /// Moves the end of a payment's window into the past, as an admin may.
    pub async fn window_ends(&self, booking: &str) {
        let set = format!("UPDATE payments SET dispute_period_ends = {}", self.sql.seconds_from_now(-1));
        assert_eq!(self.sql.run(&format!("{set} WHERE booking_id = '{booking}'")).await, 1);
    }

    /// Another setting, from the next start on.
    pub fn set(&mut self, key: &str, value: &str) {
        self.settings.insert(key.to_owned(), value.to_owned());
    }

    /// Ends the daemon in order, and starts it again.
    pub async fn restart(&mut self) {
        assert!(self.house.take().expect("a daemon").close().await, "it ends within its grace");
        self.start().await;
    }

    pub async fn start(&mut self) {
        self.house = Some(House::open(self.config()).await);
    }

    /// A second daemon on the same database.
    pub async fn another_house(&self) -> House {
        let mut settings = self.settings.clone();
        settings.insert("webhook.listen".into(), "\"127.0.0.1:0\"".into());
        House::open(config(&settings, &self.dir)).await
    }

    /// Takes the daemon out of the town: to be closed or crashed.
    pub fn take_house(&mut self) -> House {
        self.house.take().expect("a daemon")
    }

    /// What a crash leaves behind is taken up when its lease ends; this is that moment.
    pub async fn leases_run_out(&self) {
        let past = self.sql.seconds_from_now(-1);
        self.sql.run(&format!("UPDATE operations SET lease_until = {past} WHERE state = 'submitting'")).await;
        self.sql.run(&format!("UPDATE payments SET next_check_at = {past} WHERE status = 'pending'")).await;
    }

    /// Sends a body with a good signature.
    pub async fn post_signed(&self, url: &str, body: impl AsRef<[u8]>) -> Answer {
        let body = body.as_ref().to_vec();
        let signature = signature_header(WEBHOOK_SECRET, SystemClock.now().timestamp(), &body);
        self.web.post(url, &[("Stripe-Signature", &signature)], body).await
    }

    // Then ------------------------------------------------------------------------------------------------------------

    /// Runs, and lets news arrive, until the payment stands so. Answers it.
    pub async fn reaches(&self, booking: &str, wanted: PaymentStatus) -> PaymentView {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            self.run().await;
            let view = self.find(booking).await;
            match view {
                Some(view) if view.case.payment.status == wanted => return view,
                view if tokio::time::Instant::now() > deadline => {
                    let status = view.map(|view| view.case.payment.status);
                    let story = self.story(booking).await;
                    panic!("{booking} is {status:?}, not {wanted:?}:\n{}", story.join("\n"))
                }
                _ => tokio::time::sleep(BETWEEN_LOOKS).await,
            }
        }
    }

    pub async fn payment(&self, booking: &str) -> PaymentView {
        self.find(booking).await.unwrap_or_else(|| panic!("no payment {booking}"))
    }

    pub async fn find(&self, booking: &str) -> Option<PaymentView> {
        self.store.find_payment(PaymentRef::Text(booking.to_owned())).await.expect("readable")
    }

    /// The codes of what holds it.
    pub async fn held_for(&self, booking: &str) -> String {
        let view = self.reaches(booking, PaymentStatus::Held).await;
        assert_eq!(view.case.payment.transfer_id, None);
        view.case.payment.hold_reasons
    }

    pub async fn timeline(&self, booking: &str) -> Vec<TimelineEntry> {
        let id = self.payment(booking).await.case.payment.id;
        self.store.timeline(id).await.expect("readable")
    }

    pub async fn story(&self, booking: &str) -> Vec<String> {
        match self.find(booking).await {
            Some(_) => self.timeline(booking).await.iter().map(|e| format!("{} {} {}", e.at, e.kind, e.what)).collect(),
            None => vec!["(unknown)".into()],
        }
    }

    /// Kind and HTTP status of every call for the payment's transfer, as `create 200`, `look_up -`.
    pub async fn calls(&self, booking: &str) -> Vec<String> {
        let id = self.payment(booking).await.case.payment.id;
        let from = format!(
            "operation_attempts a JOIN operations o ON o.id = a.operation_id WHERE o.payment_id = {id} ORDER BY a.id"
        );
        self.sql.words("a.kind || ' ' || coalesce(CAST(a.http_status AS TEXT), '-')", &from).await
    }

    /// State, generation and counted attempts of the payment's operations, as `confirmed 1 0`.
    pub async fn operations(&self, booking: &str) -> Vec<String> {
        let id = self.payment(booking).await.case.payment.id;
        let what = "state || ' ' || CAST(generation AS TEXT) || ' ' || CAST(attempts AS TEXT)";
        self.sql.words(what, &format!("operations WHERE payment_id = {id} ORDER BY generation")).await
    }

    /// What Stripe really transferred for a booking.
    pub fn transferred(&self, booking: &str) -> Vec<(i64, String)> {
        let books = self.sandbox.books();
        let of = books.transfers.iter().filter(|t| t.transfer_group.as_deref() == Some(booking));
        of.map(|t| (t.amount_minor, t.currency.clone())).collect()
    }

    /// It was paid exactly once, exactly this; the rows, Stripe, and nobody's second transfer say so.
    pub async fn paid_once(&self, booking: &str, amount: i64) -> PaymentView {
        let view = self.reaches(booking, PaymentStatus::Transferred).await;
        let transfers: Vec<i64> = self.transferred(booking).into_iter().map(|(amount, _)| amount).collect();
        assert_eq!(transfers, [amount], "{booking}");
        let books = self.sandbox.books();
        assert_eq!(books.duplicates, 0);
        let transfer = books.transfers.iter().find(|t| t.transfer_group.as_deref() == Some(booking)).expect("it");
        assert_eq!(view.case.payment.transfer_id.as_ref().map(|id| id.as_str()), Some(transfer.id.as_str()));
        let operations = self.operations(booking).await;
        let confirmed = operations.iter().filter(|operation| operation.starts_with("confirmed")).count();
        assert_eq!(confirmed, 1, "{operations:?}");
        view
    }

    /// What is left of the booking's transfers at Stripe, all in all.
    pub fn left(&self, booking: &str) -> i64 {
        let books = self.sandbox.books();
        let of = books.transfers.iter().filter(|t| t.transfer_group.as_deref() == Some(booking));
        of.map(|t| t.amount_minor - t.reversed_minor).sum()
    }

    /// A call of the platform's own programs, or of a person in the dashboard.
    pub async fn by_hand(&self, path: &str, account: Option<&str>, form: &str) -> Answer {
        let authorization = format!("Bearer {DEFAULT_SECRET_KEY}");
        let mut headers = vec![("Authorization", authorization.as_str())];
        headers.extend(account.map(|account| ("Stripe-Account", account)));
        let answer = self.web.post(&format!("{}{path}", self.sandbox.base_url()), &headers, form.to_owned()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer
    }

    /// Stripe holds no transfer for it.
    pub fn not_paid(&self, booking: &str) {
        assert_eq!(self.transferred(booking), [], "{booking}");
    }

    /// Waits for an email to this address with these words.
    pub async fn email(&self, to: &str, words: &str) -> Email {
        let found = self.until("an email arrives", async || !self.mailbox.find(to, words).is_empty());
        let deadline = tokio::time::timeout(PATIENCE + PATIENCE, found);
        deadline.await.unwrap_or_else(|_| panic!("no email to {to} with `{words}`: {:#?}", self.mailbox.all()));
        self.mailbox.find(to, words).remove(0)
    }

    /// Every email that was written has been sent.
    pub async fn mail_sent(&self) {
        let queued = async || self.sql.count("emails WHERE state = 'queued'").await == 0;
        self.until("emails are sent", queued).await;
        assert_eq!(self.sql.count("emails WHERE state = 'failed'").await, 0);
    }

    pub async fn until(&self, what: &str, met: impl AsyncFn() -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !met().await {
            assert!(
                tokio::time::Instant::now() < deadline,
                "not within {PATIENCE:?}: {what}; {:#?}",
                self.mailbox.all()
            );
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }

    pub async fn readyz(&self) -> Answer {
        self.web.get(&format!("http://{}/readyz", self.daemon().listening().address)).await
    }

    pub fn webhook_url(&self) -> String {
        webhook_url(self.daemon())
    }

    /// Where this town keeps its files.
    pub fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// Puts a copy in the place of the SQLite database; no daemon is at work.
    pub async fn put_in_place(&mut self, copy: &std::path::Path) {
        let path = self._db.url().trim_start_matches("sqlite://").to_owned();
        for side in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{path}{side}"));
        }
        std::fs::remove_file(&path).expect("the database");
        std::fs::copy(copy, &path).expect("the copy in its place");
        self.store = payoutd::app::open_database(&self.config()).expect("the copy");
    }

    pub fn config(&self) -> Config {
        config(&self.settings, &self.dir)
    }

    pub fn house(&self) -> &House {
        self.house.as_ref().expect("a daemon")
    }

    pub fn daemon(&self) -> &Daemon {
        self.house().daemon()
    }
}
