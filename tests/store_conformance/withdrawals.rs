//! Withdrawals and accounts as the database keeps them: what wakes them, what it forbids, and whose they are.

use chrono::TimeDelta;
use payoutd::domain::event;
use payoutd::domain::facts::{Fact, PayoutFact};
use payoutd::domain::ids::MentorId;
use payoutd::domain::operation::{Done, Operation, Order};
use payoutd::domain::outcome::Attempted;
use payoutd::domain::withdrawal::Funds;
use payoutd::ports::{Books, CheckedWithdrawal, ClaimedWithdrawal, DueWithdrawal, Payouts, Store};
use serde_json::json;

use crate::events::{self, account, hour, later, payout};
use crate::world::{World, lease, stories, timeout, usd};

const ASK: &str = "INSERT INTO payout_requests (mentor_id, amount, currency) VALUES ('m1', 5000, 'usd')";

async fn picks(w: &World) -> Vec<DueWithdrawal> {
    let (due, _) = w.store.pick_withdrawals(100, later() + TimeDelta::hours(1), later()).await.expect("picked");
    due
}

/// The account as Stripe tells of it when it is read, with 90.00 USD on it.
fn checked(due: &DueWithdrawal, payouts: Vec<PayoutFact>) -> CheckedWithdrawal {
    let told = account("m1", "active").told("account.updated", later()).of_account("acct_m1");
    let Ok((_, Fact::Account(account))) = event::facts(&told.arrives(later()).body) else { panic!("an account") };
    let funds = Funds { available: [(usd(), 9_000)].into(), instant: [(usd(), 9_000)].into() };
    CheckedWithdrawal { id: due.case.request.id, latest: due.latest, account, funds, payouts }
}

async fn claims(w: &World, checked: CheckedWithdrawal) -> ClaimedWithdrawal {
    w.store.claim_withdrawal(checked, lease("one", later()), later()).await.expect("claimed")
}

async fn on_the_wire(w: &World) -> Operation {
    w.mentor("m1").await;
    w.person_runs(ASK).await;
    let due = picks(w).await.remove(0);
    match claims(w, checked(&due, Vec::new())).await {
        ClaimedWithdrawal::Submit(operation) => *operation,
        other => panic!("not ready: {other:?}"),
    }
}

fn told(name: &str, status: &str) -> PayoutFact {
    let event = payout(name, status).told("payout.created", hour(5)).of_account("acct_m1");
    match event::facts(&event.arrives(hour(5)).body) {
        Ok((_, Fact::Payout(fact))) => fact,
        other => panic!("{other:?}"),
    }
}

/// The payout that an operation asks for, as Stripe made it.
fn made(op: &Operation, status: &str) -> Attempted {
    let Order::Payout(order) = &op.order else { panic!("not a payout: {op:?}") };
    let key = Some(op.key.as_str().to_owned());
    let fact = PayoutFact { amount: order.amount, operation_key: key, ..told("1", status) };
    Attempted::Done(Done::Payout(fact))
}

async fn states(w: &World) -> Vec<String> {
    let rows = w.sql.rows("state", "payout_requests ORDER BY id").await;
    rows.iter().map(|row| row[0].as_str().expect("a word").to_owned()).collect()
}

async fn is_clean(w: &World) {
    assert_eq!(w.store.audit_mentors().await.expect("audited"), []);
}

stories! {
    /// Given a plain INSERT, then it is picked once and left alone; it is one operation, keyed by what no other request gets;
    /// when Stripe has made it, then the request and the books say so, in the same transaction.
    async fn a_row_is_a_payout(w: World) {
        let op = on_the_wire(&w).await;
        assert_eq!((states(&w).await, picks(&w).await.len()), (vec!["submitted".to_owned()], 0));
        let nonce = w.sql.value("nonce", "payout_requests").await;
        assert_eq!(op.key.as_str(), format!("payoutd:payout:acct_m1:nonce:{}:1", nonce.as_str().expect("text")));
        w.concludes(&op, made(&op, "pending"), later()).await;
        assert_eq!(w.sql.row("state, paid_out, stripe_payout_id", "payout_requests").await,
            [json!("in_transit"), json!(5_000), json!("po_1")]);
        assert_eq!(w.trial_balance().await, ["connected_balance -5000", "mentor_funds 5000"]);
        is_clean(&w).await;
    }

    /// Given a webhook that comes before the answer, then the later telling counts, whichever came first.
    async fn a_webhook_may_come_before_the_answer(w: World) {
        let op = on_the_wire(&w).await;
        let paid = payout("1", "paid").set("amount", json!(5_000));
        w.hears([paid.told("payout.paid", hour(6)).of_account("acct_m1")]).await;
        assert_eq!(states(&w).await, ["submitted"]);
        w.concludes(&op, made(&op, "pending"), later()).await;
        assert_eq!(states(&w).await, ["paid"]);
        let failed = payout("1", "failed").set("amount", json!(5_000));
        w.hears([failed.told("payout.failed", hour(7)).of_account("acct_m1")]).await;
        assert_eq!(states(&w).await, ["failed"]);
        assert_eq!(w.trial_balance().await, Vec::<String>::new());
        is_clean(&w).await;
        let kinds = w.emails().await;
        assert_eq!(kinds, ["mentor withdrawal_paid m1@example.com", "mentor withdrawal_failed m1@example.com",
            "admin withdrawal_trouble admin@example.com"]);
    }

    /// Given a payout under way, then a second of the same mentor waits, the database forbids it, and its end wakes it; what
    /// was read before another payout counts for nothing.
    async fn one_at_a_time(w: World) {
        w.mentor("m1").await;
        w.person_runs(ASK).await;
        let first = picks(&w).await.remove(0);
        w.person_runs(ASK).await;
        let second = picks(&w).await.remove(0);
        let ClaimedWithdrawal::Submit(op) = claims(&w, checked(&first, Vec::new())).await else { panic!("ready") };
        assert!(matches!(claims(&w, checked(&second, Vec::new())).await, ClaimedWithdrawal::Waits));
        assert_eq!(picks(&w).await.len(), 0);
        let words = w.sql.refusal_of("INSERT INTO operations (kind, withdrawal_id, mentor_id, generation, idempotency_key, \
            amount, currency, parameters, state, lease_until, created_at, updated_at) SELECT kind, 2, mentor_id, 1, 'other', \
            amount, currency, parameters, state, lease_until, created_at, updated_at FROM operations").await;
        assert!(words.contains("operations_one_payout_at_once") || words.contains("operations.mentor_id"), "{words}");
        w.concludes(&op, timeout(), later()).await;
        assert_eq!(picks(&w).await.len(), 0, "it may have been done");
        let again = w.store.reclaim(10, lease("two", later()), later() + TimeDelta::hours(1)).await.expect("taken").remove(0);
        w.concludes(&again.operation, made(&op, "pending"), later()).await;
        assert!(matches!(claims(&w, checked(&second, Vec::new())).await, ClaimedWithdrawal::Waits), "read before the first");
        assert_eq!(picks(&w).await.len(), 1);
        is_clean(&w).await;
    }

    /// Given a request, then what it asks for cannot be changed, nor the request deleted; it is retracted only while open.
    async fn a_request_is_kept_as_it_was_made(w: World) {
        w.mentor("m1").await;
        w.person_runs(ASK).await;
        for change in ["UPDATE payout_requests SET amount = 1", "UPDATE payout_requests SET mentor_id = 'm2'",
            "UPDATE payout_requests SET nonce = 'x'", "DELETE FROM payout_requests",
            "UPDATE payout_requests SET state = 'nonsense'", "INSERT INTO payout_requests (mentor_id) VALUES ('')",
            "INSERT INTO payout_requests (mentor_id, speed) VALUES ('m1', 'soon')"] {
            w.sql.refusal_of(change).await;
        }
        w.person_runs("UPDATE payout_requests SET state = 'retracted'").await;
        assert_eq!(picks(&w).await.len(), 0);
        w.person_runs("UPDATE payout_requests SET state = 'open', next_check_at = NULL").await;
        assert_eq!(picks(&w).await.len(), 1, "who opens it again need not wake it");
        w.person_runs("UPDATE payout_requests SET state = 'submitted'").await;
        w.sql.refusal_of("UPDATE payout_requests SET state = 'retracted'").await;
    }

    /// Given a payout that says it is for a request that is open, then it is adopted, and nothing is sent.
    async fn what_was_paid_before_is_adopted(w: World) {
        w.mentor("m1").await;
        w.person_runs(ASK).await;
        let due = picks(&w).await.remove(0);
        let before = PayoutFact { reference: Some(due.case.request.reference.clone()), ..told("1", "paid") };
        let failed = PayoutFact { reference: before.reference.clone(), ..told("0", "failed") };
        assert!(matches!(claims(&w, checked(&due, vec![failed, before])).await, ClaimedWithdrawal::Adopted(id) if id.as_str() == "po_1"));
        assert_eq!((states(&w).await, w.sql.count("operations").await), (vec!["paid".to_owned()], 0));
        is_clean(&w).await;
    }

    /// Given a payout of an account that is nobody's, when the account becomes somebody's by plain SQL, then it is theirs in
    /// the books; and when the mentor gets another account, it stays theirs.
    async fn whose_a_payout_is(w: World) {
        w.hears([payout("1", "paid").told("payout.paid", hour(5)).of_account("acct_m1")]).await;
        w.hears([payout("own", "paid").told("payout.paid", hour(5))]).await;
        assert_eq!(w.trial_balance().await, ["connected_balance -9000", "mentor_funds 9000"]);
        w.person_runs("INSERT INTO mentors (id, stripe_account_id) VALUES ('m1', 'acct_m1')").await;
        w.store.post_payouts(later()).await.expect("posted");
        let withdrawn = async || w.store.balances(MentorId::new("m1")).await.expect("read").remove(0).withdrawn_minor;
        assert_eq!(withdrawn().await, 9_000);
        w.person_runs("UPDATE mentors SET stripe_account_id = 'acct_other'").await;
        w.store.post_payouts(later()).await.expect("posted");
        assert_eq!(withdrawn().await, 9_000);
        is_clean(&w).await;
        w.tampers("UPDATE ledger_entries SET amount = amount * 2").await;
        let subjects: Vec<_> = w.store.audit_mentors().await.expect("audited").into_iter().map(|d| d.subject).collect();
        assert!(subjects.iter().all(|subject| subject == "payout po_1") && subjects.len() >= 3, "{subjects:?}");
    }

    /// Given an account whose owner is through, then it is to be set to manual payouts, once; and whatever is told of an
    /// account never clears a person's hold.
    async fn an_account_is_set_once_and_a_persons_pause_stays(w: World) {
        w.mentor("m1").await;
        w.person_runs("INSERT INTO holds (mentor_id, reason) VALUES ('m1', 'identity in doubt')").await;
        assert_eq!(w.store.accounts_to_schedule(10).await.expect("read").len(), 1);
        let (mentor, account_id) = w.store.accounts_to_schedule(10).await.expect("read").remove(0);
        let claim = async || {
            let claimed = w.store.claim_schedule(mentor.clone(), account_id.clone(), lease("one", later()), later()).await;
            claimed.expect("claimed")
        };
        let op = claim().await.expect("it is to be done");
        assert!(claim().await.is_none() && w.store.accounts_to_schedule(10).await.expect("read").is_empty());
        let manual = account("m1", "active").set("settings", json!({"payouts": {"schedule": {"interval": "manual"}}}));
        let told = manual.told("account.updated", later()).of_account("acct_m1");
        let Ok((_, Fact::Account(fact))) = event::facts(&told.arrives(later()).body) else { panic!("an account") };
        w.concludes(&op, Attempted::Done(Done::Account(Box::new(fact))), later()).await;
        assert_eq!(w.sql.value("payout_interval", "accounts").await, json!("manual"));
        w.hears([events::account("m1", "active").told("account.updated", hour(200)).of_account("acct_m1")]).await;
        assert_eq!(w.sql.value("payout_interval", "accounts").await, json!("manual"), "that telling did not say it");
        assert_eq!(w.sql.count("holds WHERE lifted_at IS NULL").await, 1);
        w.person_runs("UPDATE accounts SET payout_interval = 'daily'").await;
        assert!(w.store.accounts_to_schedule(10).await.expect("read").is_empty(), "who set it back is not overruled");
    }
}
