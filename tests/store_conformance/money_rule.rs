//! The money rule: pick, claim (tx 1), conclude (tx 2), and what happens in between to spoil it.

use std::time::Duration;

use chrono::{SubsecRound, TimeDelta};
use payoutd::domain::facts::Fact;
use payoutd::domain::operation::OperationState;
use payoutd::domain::outcome::{Attempted, PaymentNext};
use payoutd::domain::payment::{Pause, WaitWhy};
use payoutd::domain::reason::codes;
use payoutd::ports::{AttemptRecord, Claimed, Outcome, Preflighted, Recorded, Store};
use serde_json::json;

use crate::events::{charge, dispute, hour, later, refund};
use crate::world::{World, done, lease, minor, policy, refused, stories, timeout};

fn held(claimed: Claimed) -> String {
    match claimed {
        Claimed::Held(_, reasons) => codes(&reasons),
        other => panic!("not held: {other:?}"),
    }
}

fn call(kind: &'static str, status: Option<u16>) -> AttemptRecord {
    AttemptRecord {
        kind,
        started_at: later(),
        took: Duration::from_millis(123),
        status,
        error_code: status.is_none().then(|| "no_answer".into()),
        error: status.is_none().then(|| "no answer within 30 s".into()),
        request_id: status.map(|_| "req_1".into()),
    }
}

stories! {
    /// Given due payments, when they were picked, then a second pick leaves them alone until the set time.
    async fn due_payments_are_picked_once(w: World) {
        w.paid_charges(&["a", "b", "c"]).await;
        assert_eq!(w.picks_ready(later()).await, ["a", "b", "c"]);
        assert!(w.picks_ready(later()).await.is_empty());
        assert!(w.picks_ready(later() + TimeDelta::minutes(59)).await.is_empty());
        assert_eq!(w.picks_ready(later() + TimeDelta::hours(1)).await, ["a", "b", "c"], "should the daemon have died");
    }

    /// Given more that is due than one pick takes, then picks take turns, and a preview writes nothing.
    async fn a_pick_takes_at_most_its_limit(w: World) {
        w.paid_charges(&["a", "b", "c"]).await;
        let preview = w.store.preview_due(2, later()).await.expect("read");
        assert_eq!(preview.len(), 2);
        assert_eq!(w.store.preview_due(9, later()).await.expect("read").len(), 3);
        let mut seen = 0;
        for expected in [2, 1, 0] {
            let picked = w.store.pick_due(2, hour(99), later()).await.expect("picked");
            assert_eq!((picked.looked_at, picked.ready.len()), (expected, expected));
            seen += expected;
        }
        assert_eq!(seen, 3);
    }

    /// Given payments that wait, are held, and are ready, when picked, then each is counted, and only what may be
    /// needed is looked at again.
    async fn a_pick_settles_what_is_not_ready(w: World) {
        w.paid_charges(&["a", "b"]).await;
        w.hears([charge("late").set("created", hour(50).timestamp()).told("charge.succeeded", hour(50)),
            charge("lost").metadata("mentorUserId", "m9").told("charge.succeeded", hour(0))]).await;
        w.person_runs("UPDATE payments SET dispute_requested = true WHERE payment_key = 'pi_b'").await;
        let picked = w.picks(later()).await;
        assert_eq!((picked.looked_at, picked.ready.len(), picked.held, picked.waiting), (4, 1, 2, 1));
        assert_eq!(w.payment("late").await.next_check_at, Some(hour(50 + 72)));
        assert_eq!(w.payment("b").await.next_check_at, None);
        assert_eq!(w.payment("lost").await.next_check_at, None);
    }

    /// Given a ready payment, when it is claimed, then the intent is committed under its first key with all it asks for.
    async fn a_claim_commits_the_intent(w: World) {
        let op = w.payment_on_the_wire("a").await;
        assert_eq!((op.generation, op.key.as_str()), (1, "payoutd:transfer:pi_a:1"));
        assert_eq!(op.order.amount(), minor(9_000));
        let row = w.sql.row("state, idempotency_key, generation, amount, currency, lease_owner, lease_epoch, lease_until, \
            maybe_done, mentor_id", "operations").await;
        assert_eq!(row, [json!("submitting"), json!("payoutd:transfer:pi_a:1"), json!(1), json!(9_000), json!("usd"),
            json!("one"), json!(1), json!("2027-01-18T09:02:00.000Z"), json!(0), json!("m1")]);
        assert_eq!(w.sql.value("parameters", "operations").await, json!({
            "amount": 9_000, "currency": "usd", "destination": "acct_m1", "source_transaction": "ch_a",
            "transfer_group": "payoutd_ch_a", "payment_id": 1, "netted": 0, "kept": 10_000, "refunds": [],
        }));
        assert_eq!(w.status("a").await, "releasing");
        assert!(!w.is_awake("a", hour(10_000)).await);
        assert!(matches!(w.claims("a", later()).await, Claimed::Taken(_)));
        assert_eq!(w.store.next_operation_at().await.expect("read"), Some(later() + TimeDelta::minutes(2)));
    }

    /// Given a charge without an intent, then its key is the charge's.
    async fn a_charge_without_an_intent_is_a_payment_too(w: World) {
        w.mentor("m1").await;
        w.hears([charge("a").set("payment_intent", json!(null)).told("charge.succeeded", hour(0))]).await;
        w.picks(later()).await;
        assert_eq!(w.submits("a", later()).await.key.as_str(), "payoutd:transfer:ch_a:1");
    }

    /// Given a picked payment, when anything speaks against it before the claim, then nothing is committed.
    async fn a_claim_asks_again_under_the_lock(w: World) {
        let names = ["flag", "hold", "mentor", "dispute", "window"];
        w.paid_charges(&names).await;
        assert_eq!(w.picks(later()).await.ready.len(), 5);
        w.person_runs("UPDATE payments SET dispute_requested = true, dispute_reason = 'x' WHERE payment_key = 'pi_flag'").await;
        let hold = w.payment_id("hold").await;
        w.store.place_hold(payoutd::domain::hold::Subject::Payment(hold), "ada".into(), "x".into(), later()).await.expect("held");
        w.person_runs("UPDATE payments SET mentor_id = 'm9' WHERE payment_key = 'pi_mentor'").await;
        w.hears([dispute("1", "dispute", "needs_response").told("charge.dispute.created", later())]).await;
        w.person_runs("UPDATE payments SET dispute_period_ends = '2027-02-01T00:00:00.000Z' WHERE payment_key = 'pi_window'").await;

        for (name, reason) in [("flag", "flagged"), ("hold", "payment_hold"), ("mentor", "mentor_unknown"), ("dispute", "dispute_open")] {
            assert_eq!(held(w.claims(name, later()).await), reason);
            assert_eq!(w.hold_reasons(name).await, reason);
        }
        assert!(matches!(w.claims("window", later()).await, Claimed::Waits(_, Pause { why: WaitWhy::Window, .. })));
        assert_eq!(w.sql.count("operations").await, 0);
    }

    /// Given a charge that was read before the machine slept, or by a clock that was set back since, when its payment is
    /// claimed, then nothing of it counts, and it is read again.
    async fn a_look_that_is_too_old_claims_nothing(w: World) {
        w.paid_charges(&["a"]).await;
        w.picks(later()).await;
        let refunded = charge("a").set("amount_refunded", 10_000).told("charge.updated", later()).fact();
        let payment_id = w.payment_id("a").await;
        let claim = async |asked_at, facts: &[Fact]| {
            let ready = vec![Preflighted { payment_id, asked_at, facts: facts.to_vec() }];
            w.store.claim(ready, lease("one", later()), later()).await.expect("claimed").remove(0)
        };
        let age = TimeDelta::from_std(policy().retry.lease).unwrap();
        for asked_at in [later() - age, later() - TimeDelta::hours(8), later() + TimeDelta::milliseconds(1)] {
            for facts in [&[][..], std::slice::from_ref(&refunded)] {
                let claimed = claim(asked_at, facts).await;
                assert!(matches!(claimed, Claimed::Waits(_, Pause { why: WaitWhy::Preflight, .. })), "{claimed:?}");
            }
        }
        assert_eq!((w.status("a").await.as_str(), w.sql.count("operations").await), ("pending", 0));
        assert_eq!(w.picks_ready(later() + TimeDelta::hours(1)).await, ["a"]);

        let just_before = later() - age + TimeDelta::milliseconds(1);
        assert_eq!(held(claim(just_before, &[refunded]).await), "refunded");
    }

    /// Given a picked payment, when the charge that is read right before says refunded or disputed, then nothing is sent.
    async fn the_preflight_stops_what_webhooks_did_not_tell(w: World) {
        w.paid_charges(&["a", "b", "c"]).await;
        w.picks(later()).await;
        let refunded = charge("a").set("amount_refunded", 10_000).told("charge.updated", later()).fact();
        assert_eq!(held(w.claims_with("a", vec![refunded], later()).await), "refunded");
        assert_eq!(w.status("a").await, "refunded");

        let disputed = charge("b").set("disputed", true).told("charge.updated", later()).fact();
        let open = dispute("1", "b", "needs_response").told("charge.dispute.created", later()).fact();
        assert_eq!(held(w.claims_with("b", vec![disputed, open], later()).await), "dispute_open");

        let settled = json!({ "id": "txn_1", "currency": "eur" });
        let other = charge("c").set("balance_transaction", settled).told("charge.updated", later()).fact();
        assert_eq!(held(w.claims_with("c", vec![other], later()).await), "other_settlement_currency");
        assert_eq!(w.sql.count("operations").await, 0);
    }

    /// Given a picked payment, when the charge that is read right before was refunded in part, then less is sent.
    async fn the_preflight_shrinks_the_transfer(w: World) {
        w.paid_charges(&["a"]).await;
        w.picks(later()).await;
        let partly = charge("a").set("amount_refunded", 5_000).told("charge.updated", later()).fact();
        let Claimed::Submit(op) = w.claims_with("a", vec![partly], later()).await else { panic!("ready") };
        assert_eq!(op.order.amount(), minor(4_500));
        assert_eq!(w.sql.row("operations.amount, refunded_amount", "operations, payments").await, [json!(4_500), json!(5_000)]);
    }

    /// Given a split that a person set, when the charge is read with something new, then that split is what is paid.
    async fn a_split_set_by_hand_is_what_is_paid(w: World) {
        w.paid_charges(&["a"]).await;
        w.person_runs("UPDATE payments SET mentor_amount = 8000, platform_fee = 2000").await;
        w.picks(later()).await;
        let partly = charge("a").set("amount_refunded", 5_000).told("charge.updated", later()).fact();
        let Claimed::Submit(op) = w.claims_with("a", vec![partly], later()).await else { panic!("ready") };
        assert_eq!(op.order.amount(), minor(4_000));
        let row = w.sql.row("mentor_amount, platform_fee, refunded_amount", "payments").await;
        assert_eq!(row, [json!(8_000), json!(2_000), json!(5_000)]);
    }

    /// Given a payment whose charge could not be read, then it waits, however often it is woken.
    async fn a_payment_whose_charge_cannot_be_read_waits(w: World) {
        w.paid_charges(&["a"]).await;
        w.picks(later()).await;
        let pause = Pause { until: hour(75), why: WaitWhy::Preflight };
        w.store.postpone(vec![w.payment_id("a").await], pause).await.expect("postponed");
        assert_eq!(w.payment("a").await.case.payment.pause, Some(pause));
        w.person_runs("UPDATE payments SET mentor_amount = 8000, platform_fee = 2000").await;
        assert!(w.picks_ready(hour(74)).await.is_empty());
        assert_eq!(w.picks_ready(hour(75)).await, ["a"]);
        assert_eq!(w.submits("a", hour(75)).await.order.amount(), minor(8_000));
        assert_eq!(w.payment("a").await.case.payment.pause, None);
    }

    /// Given two daemons that claim the same payments at the same moment, then each payment is submitted once.
    async fn two_daemons_never_claim_the_same_payment(w: World) {
        let names: Vec<String> = (0..12).map(|n| format!("p{n}")).collect();
        w.paid_charges(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
        w.picks(later()).await;
        let other = w.another_store();
        let (mut submitted, mut contested) = (0, 0);
        for name in &names {
            let ready = vec![Preflighted { payment_id: w.payment_id(name).await, asked_at: later(), facts: Vec::new() }];
            let (one, two) = tokio::join!(
                w.store.claim(ready.clone(), lease("one", later()), later()),
                other.claim(ready, lease("two", later()), later()),
            );
            let claimed = [one.expect("claimed"), two.expect("claimed")].concat();
            submitted += claimed.iter().filter(|c| matches!(c, Claimed::Submit(_))).count();
            contested += claimed.iter().filter(|c| matches!(c, Claimed::Taken(_))).count();
        }
        assert_eq!((submitted, contested), (12, 12));
        assert_eq!(w.sql.count("operations").await, 12);
    }

    /// Given two daemons that pick at the same moment, then no payment is ready for both.
    async fn two_daemons_never_pick_the_same_payment(w: World) {
        let names: Vec<String> = (0..40).map(|n| format!("p{n}")).collect();
        w.paid_charges(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let other = w.another_store();
        let mut ids = Vec::new();
        while ids.len() < 40 {
            let (one, two) = tokio::join!(w.store.pick_due(7, hour(99), later()), other.pick_due(7, hour(99), later()));
            for picked in [one.expect("picked"), two.expect("picked")] {
                ids.extend(picked.ready.iter().map(|(plan, _)| plan.payment_id));
            }
        }
        ids.sort_by_key(|id| id.0);
        ids.dedup();
        assert_eq!(ids.len(), 40);
        assert_eq!(w.picks(later()).await.looked_at, 0);
    }

    /// Given an operation on the wire, when Stripe confirms it, then payment, transfer, calls and the mentor's email are
    /// written together.
    async fn a_confirmed_transfer(w: World) {
        let op = w.payment_on_the_wire("a").await;
        let outcome = Outcome {
            operation: op.clone(),
            attempts: vec![call("preflight", Some(200)), call("create", Some(200))],
            attempted: done(&op, "tr_1"),
        };
        let recorded = w.store.conclude(vec![outcome], hour(74)).await.expect("recorded");
        let [Recorded::Written(conclusion)] = recorded.as_slice() else { panic!("{recorded:?}") };
        assert!(matches!(conclusion.payment().expect("a payment's").payment, Some(PaymentNext::Transferred(..))));

        assert_eq!(w.sql.row("status, transfer_id, transfer_status, transfer_retry_count, transferred_at", "payments").await,
            [json!("transferred"), json!("tr_1"), json!("paid"), json!(0), json!("2027-01-18T10:00:00.000Z")]);
        assert_eq!(w.sql.row("state, stripe_id, stripe_request_id, lease_until, lease_owner, error", "operations").await,
            [json!("confirmed"), json!("tr_1"), json!("req_1"), json!(null), json!(null), json!(null)]);
        assert_eq!(w.sql.row("stripe_transfer_id, operation_key, amount, destination", "transfers").await,
            [json!("tr_1"), json!("payoutd:transfer:pi_a:1"), json!(9_000), json!("acct_m1")]);
        assert_eq!(w.sql.rows("kind, http_status, duration_ms, request_id", "operation_attempts ORDER BY id").await,
            ["preflight", "create"].map(|kind| [json!(kind), json!(200), json!(123), json!("req_1")]));
        assert_eq!(w.emails().await, ["mentor paid m1@example.com"]);
        assert!(w.picks_ready(hour(10_000)).await.is_empty());
        assert_eq!(w.store.next_operation_at().await.expect("read"), None);
        assert!(w.store.reclaim(10, lease("two", hour(99)), hour(99)).await.expect("taken up").is_empty());
    }

    /// Given an operation whose outcome is not known, then it keeps its claim, and is tried again under the same key.
    async fn an_unknown_outcome_keeps_its_claim(w: World) {
        let op = w.payment_on_the_wire("a").await;
        let conclusion = w.writes(&op, timeout(), later()).await;
        assert_eq!(conclusion.next.state, OperationState::Unknown);
        assert_eq!(w.sql.row("state, maybe_done, attempts, error_code", "operations").await,
            [json!("unknown"), json!(1), json!(1), json!("no_answer")]);
        assert_eq!(w.status("a").await, "releasing");
        assert!(matches!(w.claims("a", later()).await, Claimed::Taken(_)));
        w.person_runs("UPDATE payments SET next_check_at = created_at").await;
        assert!(w.picks_ready(hour(9_999)).await.is_empty(), "not even when somebody wakes it");

        let next = conclusion.next.next_attempt_at.expect("again").trunc_subsecs(3);
        assert_eq!(w.store.next_operation_at().await.expect("read"), Some(next));
        let again = w.store.reclaim(10, lease("two", next), next).await.expect("taken up");
        assert_eq!((again.len(), again[0].operation.key.as_str(), again[0].operation.lease_epoch), (1, op.key.as_str(), 2));
    }

    /// Given a balance that was too short, then the payment waits, and is asked for anew under the next key; the admin
    /// is told once a day.
    async fn a_short_balance_waits_and_asks_under_a_new_key(w: World) {
        let op = w.payment_on_the_wire("a").await;
        w.writes(&op, refused(400, "balance_insufficient"), later()).await;
        assert_eq!(w.sql.row("payments.status, wait_reason, wait_until, state", "payments, operations").await,
            [json!("pending"), json!("funds"), json!("2027-01-18T10:00:00.000Z"), json!("rejected")]);
        assert!(w.picks_ready(hour(74) - TimeDelta::milliseconds(1)).await.is_empty());
        assert_eq!(w.picks_ready(hour(74)).await, ["a"]);

        let again = w.submits("a", hour(74)).await;
        assert_eq!((again.generation, again.key.as_str()), (2, "payoutd:transfer:pi_a:2"));
        w.writes(&again, refused(400, "balance_insufficient"), hour(74)).await;
        assert_eq!(w.emails().await, ["admin funds_short admin@example.com"]);
        w.picks(hour(76)).await;
        let third = w.submits("a", hour(76)).await;
        w.writes(&third, done(&third, "tr_1"), hour(76)).await;
        assert_eq!(w.sql.rows("generation, state", "operations ORDER BY id").await,
            [[json!(1), json!("rejected")], [json!(2), json!("rejected")], [json!(3), json!("confirmed")]]);
    }

    /// Given two transfers that Stripe refuses because of the mentor's account, then one hold stands on the mentor, all
    /// wait, and the account's next good news lifts it; a person's hold stays.
    async fn a_restricted_account_holds_its_mentor_once(w: World) {
        w.paid_charges(&["a", "b", "c"]).await;
        w.picks(later()).await;
        let wire = [w.submits("a", later()).await, w.submits("b", later()).await];
        for op in &wire {
            let conclusion = w.writes(op, refused(400, "insufficient_capabilities_for_transfer"), later()).await;
            assert!(conclusion.hold_mentor.is_some());
        }
        assert_eq!(w.sql.row("mentor_id, source, actor, reason", "holds").await,
            [json!("m1"), json!("stripe"), json!("payoutd"), json!("Stripe says insufficient_capabilities_for_transfer")]);
        assert_eq!(held(w.claims("c", later()).await), "mentor_restricted");
        assert!(w.picks_ready(hour(74)).await.is_empty());
        assert_eq!(w.hold_reasons("a").await, "mentor_restricted");

        w.person_runs("INSERT INTO holds (payment_id, reason) SELECT id, 'mine' FROM payments WHERE payment_key = 'pi_c'").await;
        w.hears([crate::events::account("m1", "active").told("account.updated", hour(80)).of_account("acct_m1")]).await;
        assert_eq!(w.picks_ready(hour(80)).await, ["a", "b"]);
        assert_eq!(w.sql.rows("lifted_by", "holds ORDER BY id").await, [[json!("payoutd")], [json!(null)]]);
        assert_eq!(w.submits("a", hour(80)).await.generation, 2);
    }

    /// Given three transfers in a row that Stripe refuses for good, then the mentor is paused until a person lifts it; one
    /// that goes well in between begins the count anew.
    async fn three_refusals_in_a_row_pause_the_mentor(w: World) {
        w.paid_charges(&["a", "b", "c", "d", "e", "f"]).await;
        w.picks(later()).await;
        let refuses = async |charge: &str| {
            let op = w.submits(charge, later()).await;
            w.writes(&op, refused(400, "parameter_invalid"), later()).await;
        };
        refuses("a").await;
        refuses("b").await;
        let good = w.submits("c", later()).await;
        w.writes(&good, done(&good, "tr_c"), later()).await;
        refuses("d").await;
        refuses("e").await;
        assert_eq!(w.sql.count("holds").await, 0);
        refuses("f").await;
        assert_eq!(w.sql.row("mentor_id, source, actor, reason", "holds").await,
            [json!("m1"), json!("automation"), json!("payoutd"), json!("the last 3 transfers were refused for good")]);
        assert!(w.emails().await.contains(&"admin mentor_held admin@example.com".to_owned()));
        w.hears([crate::events::account("m1", "active").told("account.updated", hour(80)).of_account("acct_m1")]).await;
        assert_eq!(w.sql.count("holds WHERE lifted_at IS NULL").await, 1, "only a person lifts it");
    }

    /// Given a transfer that Stripe refuses for good, then it fails, people are told, nothing tries again by itself;
    /// after a retry it is decided anew, under the next key.
    async fn a_refusal_for_good_waits_for_a_person(w: World) {
        let op = w.payment_on_the_wire("a").await;
        w.writes(&op, refused(400, "parameter_invalid"), later()).await;
        assert_eq!((w.status("a").await.as_str(), w.hold_reasons("a").await.as_str()), ("failed", "failed"));
        assert_eq!(w.payment("a").await.last_error.as_deref(), Some("Stripe says parameter_invalid"));
        assert_eq!(w.emails().await, ["admin payment_failed admin@example.com", "mentor not_paid m1@example.com"]);
        w.person_runs("INSERT INTO holds (mentor_id, reason) VALUES ('m1', 'x')").await;
        assert!(w.picks_ready(hour(99)).await.is_empty());
        assert_eq!(w.status("a").await, "failed");

        let id = w.payment_id("a").await;
        assert!(w.store.retry(id, "ada".into(), hour(99)).await.expect("retried"));
        assert!(!w.store.retry(id, "ada".into(), hour(99)).await.expect("asked"), "it is not failed any more");
        assert_eq!(w.sql.value("actor", "audit_log WHERE action = 'retry'").await, json!("ada"));
        assert!(w.picks_ready(hour(99)).await.is_empty(), "the hold counts for a retry too");
        w.person_runs("UPDATE holds SET lifted_at = placed_at").await;
        assert_eq!(w.picks_ready(hour(99)).await, ["a"]);
        assert_eq!(w.submits("a", hour(99)).await.key.as_str(), "payoutd:transfer:pi_a:2");
        assert!(!w.store.retry(payoutd::domain::ids::PaymentId(77), "ada".into(), hour(99)).await.expect("asked"));
    }

    /// Given a flag that came while the transfer was on the wire, then it is paid, and the admin told.
    async fn a_late_flag_is_told(w: World) {
        let op = w.payment_on_the_wire("a").await;
        w.person_runs("UPDATE payments SET dispute_requested = true, dispute_reason = 'too late'").await;
        w.writes(&op, done(&op, "tr_1"), later()).await;
        assert_eq!(w.status("a").await, "transferred");
        assert_eq!(w.emails().await, ["mentor paid m1@example.com", "admin paid_despite admin@example.com"]);
    }

    /// Given a transfer that was never sent because of what came up, then it is withdrawn, and the payment decided anew.
    async fn a_withdrawn_transfer_gives_the_payment_back(w: World) {
        let op = w.payment_on_the_wire("a").await;
        w.hears([refund("1", "a", 1_000, "succeeded").told("refund.created", later())]).await;
        w.writes(&op, Attempted::Withdrawn("what is due has changed since".into()), later()).await;
        assert_eq!(w.sql.row("state, error_code", "operations").await, [json!("rejected"), json!("withdrawn")]);
        assert_eq!(w.picks_ready(later()).await, ["a"]);
        let again = w.submits("a", later()).await;
        assert_eq!((again.generation, again.order.amount()), (2, minor(8_100)));
        assert!(w.emails().await.is_empty());
    }

    /// Given facts that are read once more before a repeat, then they are taken in, and the answer has them.
    async fn a_charge_read_again_is_taken_in(w: World) {
        w.payment_on_the_wire("a").await;
        let id = w.payment_id("a").await;
        let fact: Fact = charge("a").set("amount_refunded", 2_000).told("charge.updated", later()).fact();
        let case = w.store.refresh_case(id, vec![fact], later()).await.expect("read");
        assert_eq!(case.payment.refunded, minor(2_000));
        assert_eq!(w.status("a").await, "releasing");
    }

    /// Given runs, then they are kept with what they did.
    async fn runs_are_kept(w: World) {
        let run = w.store.begin_run(payoutd::ports::Trigger::Cron, hour(1)).await.expect("begun");
        let counts = payoutd::ports::RunCounts { looked_at: 6, transferred: 1, held: 2, waiting: 3, failed: 4, unfinished: 5 };
        w.store.finish_run(run, counts, Some("the breaker is open".into()), hour(2)).await.expect("ended");
        assert_eq!(w.sql.row("\"trigger\", looked_at, transferred, held, waiting, failed, unfinished, error", "runs").await,
            [json!("cron"), json!(6), json!(1), json!(2), json!(3), json!(4), json!(5), json!("the breaker is open")]);
        let status = w.store.status(hour(3)).await.expect("read");
        assert_eq!(status.last_run.expect("a run").finished_at, hour(2));
    }

    /// Given a payment that somebody set back by hand although its transfer is under way, when it is claimed with others,
    /// then it is not claimed again, and the others are.
    async fn a_status_set_back_by_hand_pays_nothing_twice(w: World) {
        w.paid_charges(&["a", "b"]).await;
        w.picks(later()).await;
        w.submits("a", later()).await;
        w.person_runs("UPDATE payments SET status = 'pending' WHERE payment_key = 'pi_a'").await;
        assert_eq!(w.picks_ready(later()).await, ["a"], "as far as the payment's row says");
        let mut ready = Vec::new();
        for name in ["a", "b"] {
            ready.push(Preflighted { payment_id: w.payment_id(name).await, asked_at: later(), facts: Vec::new() });
        }
        let claimed = w.store.claim(ready, lease("one", later()), later()).await.expect("claimed");
        assert!(matches!(claimed.as_slice(), [Claimed::Taken(_), Claimed::Submit(_)]), "{claimed:?}");
        assert_eq!(w.sql.count("operations").await, 2);
    }

    /// Given a payment's row that nobody can read any more, then it is set aside, and the others are paid; mended, it is
    /// paid too.
    async fn one_unreadable_row_does_not_stop_the_others(w: World) {
        w.paid_charges(&["a", "b"]).await;
        w.person_runs("UPDATE payments SET currency = 'zzz' WHERE payment_key = 'pi_a'").await;
        assert_eq!(w.picks_ready(later()).await, ["b"]);
        let row = w.sql.row("status, hold_reasons, next_check_at", "payments WHERE payment_key = 'pi_a'").await;
        assert_eq!(row, [json!("held"), json!("unreadable"), json!(null)]);
        w.person_runs("UPDATE payments SET currency = 'usd' WHERE payment_key = 'pi_a'").await;
        assert_eq!(w.picks_ready(later()).await, ["a"]);
    }
}
