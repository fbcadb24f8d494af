//! Withdrawals, from a connected account to its bank, and mentors who are onboarded.

use super::*;
use chrono::TimeDelta;
use payoutd::app::SystemClock;
use payoutd::app::sandbox::{
    AccountChange, CapabilityStatus, Ending, Fault, FaultMatch, FaultRule, NewAccount, PayoutEntry,
};
use payoutd::domain::ids::MentorId;
use payoutd::domain::withdrawal::{Speed, WithdrawalState};
use payoutd::ports::{
    Books, Clock, NewOnboarding, NewWithdrawal, Onboarding, OnboardingError, Span, Withdraw, Withdrawals,
};

/// A mentor with 90.00 USD on their account.
async fn town(db: TestDb) -> Town {
    let town = Town::plan().with_prompt_settlement().found(db).await;
    town.mentor("ada").await;
    town.known_charge("B-1", "ada").await;
    town.paid_once("B-1", 9_000).await;
    town
}

/// As a platform does it.
async fn ask(town: &Town, columns: &str, values: &str) {
    town.sql.run(&format!("INSERT INTO payout_requests (mentor_id{columns}) VALUES ('ada'{values})")).await;
}

async fn withdraw(town: &Town, amount: Option<i64>, key: Option<&str>, speed: Speed) -> Withdraw {
    let withdrawal = NewWithdrawal {
        mentor_id: MentorId::new("ada"),
        amount,
        currency: Some("usd".into()),
        speed,
        request_key: key.map(str::to_owned),
        requested_by: "e2e".into(),
        funds: None,
    };
    town.store.ask_withdrawal(withdrawal, SystemClock.now()).await.expect("recorded")
}

/// Runs until the withdrawals stand so, the oldest first: `paid 5000`.
async fn stand(town: &Town, wanted: &[&str]) {
    let what = "state || ' ' || coalesce(CAST(paid_out AS TEXT), '-')";
    let met = async || {
        town.run().await;
        town.sql.words(what, "payout_requests ORDER BY id").await == wanted
    };
    town.until(&format!("withdrawals are {wanted:?}"), met).await;
}

async fn why(town: &Town) -> String {
    town.sql.words("outcome", "payout_requests WHERE outcome IS NOT NULL ORDER BY id DESC").await.remove(0)
}

fn payouts(town: &Town) -> Vec<PayoutEntry> {
    town.sandbox.books().payouts
}

fn paid_out(town: &Town) -> Vec<i64> {
    payouts(town).iter().map(|payout| payout.amount_minor).collect()
}

async fn settle(town: &Town, payout: &str, ending: Ending) {
    town.next_second().await;
    town.sandbox.settle_payout(payout, ending).expect("it can end so");
    town.deliver().await;
}

/// The audit finds nothing, and the ledger has what connected accounts have.
async fn books_are_right(town: &Town) {
    town.deliver().await;
    town.run().await;
    assert_eq!(town.store.audit_payments(0, 1_000).await.expect("audited").differences, []);
    assert_eq!(town.store.audit_mentors().await.expect("audited"), []);
    let there = town.sandbox.books().connected_minor.get("usd").copied().unwrap_or(0);
    for (account, sign) in [("connected_balance", 1), ("mentor_funds", -1)] {
        let entries = format!("ledger_entries WHERE account = '{account}'");
        let sum = town.sql.words("CAST(coalesce(sum(amount), 0) AS TEXT)", &entries).await;
        assert_eq!(sum, [(there * sign).to_string()], "{account}");
    }
}

async fn withdrawn(town: &Town) -> i64 {
    town.store.balances(MentorId::new("ada")).await.expect("read").remove(0).withdrawn_minor
}

fn on_payouts() -> FaultMatch {
    FaultMatch { method: Some("POST".into()), path_prefix: Some("/v1/payouts".into()), ..FaultMatch::default() }
}

on_both_databases! {
    /// Given money on a mentor's account, when a row asks for some of it, then it is paid out once; when the bank has it, the
    /// mentor hears of it; when the bank sends it back all the same, mentor and admin do, and it can be withdrawn again.
    async fn a_row_is_a_payout_that_a_bank_may_send_back(db: TestDb) {
        let town = town(db).await;
        ask(&town, ", amount, currency", ", 5000, 'usd'").await;
        stand(&town, &["in_transit 5000"]).await;
        let payout = payouts(&town).remove(0);
        assert_eq!((payout.amount_minor, payout.status.as_str(), payout.instant), (5_000, "pending", false));
        assert!(payout.metadata["payoutd_withdrawal"].starts_with("nonce:"), "{payout:?}");
        assert_eq!(withdrawn(&town).await, 5_000);
        books_are_right(&town).await;

        settle(&town, &payout.id, Ending::Succeeds).await;
        stand(&town, &["paid 5000"]).await;
        town.email("ada@example.org", "Your bank has the 50.00 USD that you withdrew").await;
        books_are_right(&town).await;

        settle(&town, &payout.id, Ending::Fails).await;
        stand(&town, &["failed 5000"]).await;
        assert_eq!(why(&town).await, "The bank account has been closed.");
        town.email("ada@example.org", "did not reach your bank").await;
        town.email("admin@example.com", "The bank account has been closed.").await;
        assert_eq!(withdrawn(&town).await, 0);
        books_are_right(&town).await;

        ask(&town, "", "").await;
        stand(&town, &["failed 5000", "in_transit 9000"]).await;
        assert_eq!(paid_out(&town), [5_000, 9_000]);
        let view = town.store.withdrawals(MentorId::new("ada"), None, 10).await.expect("read").remove(0);
        assert_eq!((view.amount, view.currency.as_deref(), view.paid_out), (None, Some("usd"), Some(9_000)));
        books_are_right(&town).await;
    }

    /// Given payouts, when compared with Stripe, then what only payoutd has is told of, what is older at Stripe than in that
    /// span is looked for by itself, and an account that was disconnected since keeps nobody from comparing the rest.
    async fn payouts_are_compared_both_ways(db: TestDb) {
        let town = town(db).await;
        ask(&town, ", amount, currency", ", 5000, 'usd'").await;
        stand(&town, &["in_transit 5000"]).await;
        town.deliver().await;
        let jobs = town.daemon().worker().jobs.clone();
        let compare = async |from: i64, to: i64| {
            let now = SystemClock.now();
            let span = Span { since: now + TimeDelta::hours(from), until: now + TimeDelta::hours(to) };
            let done = jobs.reconcile(span, false, None, &|_, _| {}).await.expect("to its end");
            (done.found, done.looked_for)
        };
        assert_eq!(compare(-1, 0).await, (0, 0));
        town.sql.run(&format!("UPDATE payouts SET told_at = {}", town.sql.seconds_from_now(7_200))).await;
        assert_eq!(compare(1, 3).await, (0, 1));
        let made_up = "INSERT INTO payouts (stripe_payout_id, stripe_account_id, amount, currency, status, told_at, rank, event_id) \
            SELECT id, stripe_account_id, 1, currency, 'paid', told_at, rank, event_id FROM payouts, \
            (SELECT 'po_made_up' AS id UNION SELECT 'po_ours' AS id) AS made_up";
        town.sql.run(made_up).await;
        town.sql.run("UPDATE payouts SET stripe_account_id = NULL WHERE stripe_payout_id = 'po_ours'").await;
        assert_eq!(compare(1, 3).await, (2, 3));
        let open = town.sql.words("kind || ' ' || stripe_id", "discrepancies ORDER BY stripe_id").await;
        assert_eq!(open, ["missing_there po_made_up", "missing_there po_ours"]);

        let account = payouts(&town)[0].account.clone().expect("a mentor's");
        town.sandbox.change_account(&account, AccountChange::Deauthorize).expect("open");
        assert_eq!(compare(1, 3).await, (1, 1), "the platform's own is still missed");
    }

    /// Given an answer that is lost, and one that is an error though it was done, then there is no second payout.
    async fn a_lost_answer_is_no_second_payout(db: TestDb) {
        let town = town(db).await;
        for (nth, fault) in [Fault::ResetAfterEffect, Fault::Garbage].into_iter().enumerate() {
            town.sandbox.add_fault(FaultRule::once(on_payouts(), fault));
            ask(&town, ", amount, currency", ", 3000, 'usd'").await;
            let wanted = vec!["in_transit 3000"; nth + 1];
            stand(&town, &wanted).await;
            assert_eq!(paid_out(&town), vec![3_000; nth + 1]);
        }
        let operations = "operations WHERE kind = 'payout' AND state = 'confirmed'";
        assert_eq!((town.sql.count(operations).await, town.sql.count("operations WHERE kind = 'payout'").await), (2, 2));
        books_are_right(&town).await;
    }

    /// Given less on the account than is asked for, then it is refused with what there is, the mentor hears why, and nothing
    /// moves. What is owed is kept back.
    async fn what_is_not_there_is_refused(db: TestDb) {
        let town = town(db).await;
        ask(&town, ", amount, currency", ", 9001, 'usd'").await;
        stand(&town, &["refused -"]).await;
        assert_eq!(why(&town).await, "90.01 USD is more than the 90.00 USD that are available");
        town.email("ada@example.org", "90.01 USD is more than the 90.00 USD").await;
        town.sql.run("INSERT INTO mentor_debts (mentor_id, currency, outstanding) VALUES ('ada', 'usd', 4000)").await;
        ask(&town, ", amount, currency", ", 5001, 'usd'").await;
        stand(&town, &["refused -", "refused -"]).await;
        assert!(why(&town).await.ends_with("since 40.00 USD are owed to the platform"));
        ask(&town, ", currency", ", 'eur'").await;
        stand(&town, &["refused -", "refused -", "refused -"]).await;
        town.sql.run("INSERT INTO payout_requests (mentor_id, amount, currency) VALUES ('nobody', 100, 'usd')").await;
        stand(&town, &["refused -"; 4]).await;
        town.email("admin@example.com", "there is no mentor").await;
        assert_eq!(paid_out(&town), [0; 0]);
        town.sql.run("DELETE FROM mentor_debts").await;
        books_are_right(&town).await;
    }

    /// Given several withdrawals of one mentor, then together they are never more than is there.
    async fn several_at_once_are_covered_one_after_the_other(db: TestDb) {
        let town = town(db).await;
        for _ in 0..3 {
            ask(&town, ", amount, currency", ", 4000, 'usd'").await;
        }
        stand(&town, &["in_transit 4000", "in_transit 4000", "refused -"]).await;
        assert_eq!(paid_out(&town), [4_000, 4_000]);
        books_are_right(&town).await;
    }

    /// Given a key, when the same is asked again, then it is the same withdrawal; something else under it is refused.
    async fn a_key_is_one_withdrawal(db: TestDb) {
        let town = town(db).await;
        let ask = async |amount| withdraw(&town, amount, Some("w-1"), Speed::Standard).await;
        assert!(matches!(ask(Some(2_000)).await, Withdraw::Recorded(view) if view.state == WithdrawalState::Open));
        assert!(matches!(ask(Some(2_000)).await, Withdraw::Known(_)));
        assert!(matches!(ask(Some(2_100)).await, Withdraw::KeyTaken(_)));
        assert!(matches!(ask(None).await, Withdraw::KeyTaken(_)));
        stand(&town, &["in_transit 2000"]).await;
        assert!(matches!(ask(Some(2_000)).await, Withdraw::Known(view) if view.state == WithdrawalState::InTransit));
        assert_eq!(payouts(&town)[0].metadata["payoutd_withdrawal"], "key:w-1");
        assert!(matches!(withdraw(&town, Some(-1), None, Speed::Standard).await,
            Withdraw::Recorded(view) if view.state == WithdrawalState::Refused));
        assert_eq!(paid_out(&town), [2_000]);
    }

    /// Given a bank that takes instant payouts, then one that asks for it gets it; given one that does not, it is refused
    /// with what to ask for instead.
    async fn instant_where_the_bank_can(db: TestDb) {
        let town = town(db).await;
        withdraw(&town, Some(2_000), None, Speed::Instant).await;
        stand(&town, &["in_transit 2000"]).await;
        assert!(payouts(&town)[0].instant);
        let slow = NewAccount { instant_payouts: false, ..NewAccount::default() };
        let slow = town.sandbox.create_account(slow).expect("a free id");
        town.register("bo", Some(&slow)).await;
        town.known_charge("B-2", "bo").await;
        town.paid_once("B-2", 9_000).await;
        town.sql.run("INSERT INTO payout_requests (mentor_id, speed) VALUES ('bo', 'instant')").await;
        stand(&town, &["in_transit 2000", "refused -"]).await;
        assert!(why(&town).await.ends_with("ask for a standard withdrawal"));
        books_are_right(&town).await;
    }

    /// Given payouts by other hands, then the books know them, and nobody is written to; a cancelled one is undone.
    async fn payouts_of_other_hands_are_in_the_books(db: TestDb) {
        let town = town(db).await;
        let account = town.sql.words("stripe_account_id", "mentors").await.remove(0);
        town.by_hand("/v1/payouts", Some(&account), "amount=1000&currency=usd").await;
        books_are_right(&town).await;
        assert_eq!(withdrawn(&town).await, 1_000);
        ask(&town, ", amount, currency", ", 2000, 'usd'").await;
        stand(&town, &["in_transit 2000"]).await;
        town.next_second().await;
        let ours = payouts(&town)[1].id.clone();
        town.by_hand(&format!("/v1/payouts/{ours}/cancel"), Some(&account), "").await;
        town.deliver().await;
        stand(&town, &["canceled 2000"]).await;
        town.email("ada@example.org", "was cancelled").await;
        assert_eq!(withdrawn(&town).await, 1_000);
        books_are_right(&town).await;
    }

    /// Given a database that was restored to before a payout, then its request finds the payout, and does not pay again.
    async fn a_restored_database_pays_nothing_twice(db: TestDb) {
        let town = town(db).await;
        withdraw(&town, Some(2_000), Some("w-1"), Speed::Standard).await;
        stand(&town, &["in_transit 2000"]).await;
        let nobody_else = "UPDATE operations SET state = 'rejected', stripe_id = NULL WHERE kind = 'payout'";
        town.sql.run(nobody_else).await;
        town.sql.run("UPDATE payout_requests SET state = 'open', stripe_payout_id = NULL, paid_out = NULL").await;
        stand(&town, &["in_transit 2000"]).await;
        assert_eq!(paid_out(&town), [2_000]);
        books_are_right(&town).await;
    }

    /// Given an account that may not pay out, or a mentor on hold, then it is refused; given a balance that cannot be read,
    /// it waits.
    async fn the_account_has_to_be_in_order(db: TestDb) {
        let town = town(db).await;
        let matching = FaultMatch { method: Some("GET".into()), path_prefix: Some("/v1/balance".into()), ..FaultMatch::default() };
        town.sandbox.add_fault(FaultRule::once(matching, Fault::ResetBeforeEffect));
        ask(&town, ", amount, currency", ", 2000, 'usd'").await;
        town.run().await;
        assert_eq!(paid_out(&town), [0; 0]);
        stand(&town, &["in_transit 2000"]).await;
        let account = town.sql.words("stripe_account_id", "mentors").await.remove(0);
        town.next_second().await;
        let restricted = AccountChange::Transfers { status: CapabilityStatus::Inactive, disabled_reason: None };
        town.sandbox.change_account(&account, restricted).expect("changed");
        ask(&town, ", amount, currency", ", 2000, 'usd'").await;
        stand(&town, &["in_transit 2000", "refused -"]).await;
        assert!(why(&town).await.contains("Stripe does not let the connected account pay out"));
        assert_eq!(paid_out(&town), [2_000]);
    }

    /// Given a mentor without an account, when they are onboarded and the answer is lost, then one account is made; when they
    /// are through, it is set to manual payouts once, and a person who sets it back is not overruled.
    async fn a_mentor_is_onboarded(db: TestDb) {
        let town = Town::plan()
            .with("onboarding.return_url", "\"https://example.com/back\"")
            .with("onboarding.manual_payouts", true)
            .found(db)
            .await;
        let worker = payoutd::app::Worker::new(&town.config()).await.expect("a worker");
        let jobs = worker.jobs.clone();
        let onboard = async || {
            jobs.onboard(NewOnboarding { mentor_id: MentorId::new("ada"), email: None, country: Some("US".into()) }).await
        };
        assert!(matches!(onboard().await, Err(OnboardingError::NoSuchMentor(_))));
        town.register("ada", None).await;
        let matching = FaultMatch { method: Some("POST".into()), path_prefix: Some("/v1/accounts".into()), ..FaultMatch::default() };
        town.sandbox.add_fault(FaultRule::once(matching, Fault::ResetAfterEffect));
        assert!(matches!(onboard().await, Err(OnboardingError::UnderWay(..))));
        let made = async || town.sql.count("mentors WHERE stripe_account_id IS NOT NULL").await == 1;
        town.until("it is found out", made).await;
        let onboarded = onboard().await.expect("onboarded");
        assert!(!onboarded.made && onboarded.link.url.starts_with("https://"), "{onboarded:?}");
        let account = onboarded.account.as_str();

        town.run().await;
        assert_eq!(town.sql.count("operations WHERE kind = 'schedule'").await, 0, "they are not through");
        town.next_second().await;
        let through = AccountChange::Transfers { status: CapabilityStatus::Active, disabled_reason: None };
        town.sandbox.change_account(account, through).expect("changed");
        town.deliver().await;
        town.next_second().await;
        town.run().await;
        town.deliver().await;
        let interval = async || town.sql.words("payout_interval", "accounts").await;
        assert_eq!(interval().await, ["manual"]);
        assert_eq!(town.sql.words("kind || ' ' || state", "operations ORDER BY id").await, ["account confirmed", "schedule confirmed"]);
        town.next_second().await;
        town.by_hand(&format!("/v1/accounts/{account}"), None, "settings[payouts][schedule][interval]=weekly").await;
        town.deliver().await;
        town.run().await;
        assert_eq!(interval().await, ["weekly"]);
        assert_eq!(town.sql.count("operations WHERE kind = 'schedule'").await, 1);
    }
}
