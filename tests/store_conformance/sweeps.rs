//! Preflight by sweep: picking and claiming in one transaction what a sweep answers for, and how far was swept.

use chrono::{DateTime, TimeDelta, Utc};
use payoutd::domain::hold::Subject;
use payoutd::domain::sweep::{Sweep, Swept};
use payoutd::ports::{Claimed, Continuities, PickedBySweep, Store, SweepStanding, Sweeps, UnreadEvent};
use serde_json::json;

use crate::events::{charge, dispute, hour, later, refund};
use crate::world::{World, lease, refused, stories};

/// One that began a moment ago and covers all.
fn sweep() -> Sweep {
    Sweep { covers_from: hour(0), began: later(), good_until: later() + TimeDelta::minutes(1) }
}

impl World {
    /// Charges of mentor `m1` that were read once, as in a list of charges.
    async fn read_charges(&self, names: &[&str]) {
        self.paid_charges(names).await;
        let settled = json!({"id": "txn", "object": "balance_transaction", "amount": 10_000, "currency": "usd"});
        let read =
            |name: &&str| charge(name).set("balance_transaction", settled.clone()).told("charge.updated", hour(1));
        let facts = names.iter().map(|name| read(name).fact()).collect();
        self.store.take_in_listed(facts, hour(1)).await.expect("taken in");
    }

    async fn picks_by(&self, sweep: Sweep, now: DateTime<Utc>) -> PickedBySweep {
        let revisit_at = now + TimeDelta::hours(1);
        self.store.pick_by_sweep(100, sweep, lease("one", now), revisit_at, now).await.expect("picked")
    }
}

fn charges(picked: &PickedBySweep) -> (Vec<String>, Vec<String>) {
    let submitted = picked.claimed.iter().map(|claimed| match claimed {
        Claimed::Submit(operation) => operation.key.to_string(),
        other => panic!("{other:?}"),
    });
    let ready = picked.picked.ready.iter().map(|(plan, _)| plan.charge_id.to_string());
    let (mut submitted, mut ready): (Vec<_>, Vec<_>) = (submitted.collect(), ready.collect());
    submitted.sort();
    ready.sort();
    (submitted, ready)
}

stories! {
    /// Given due payments that the sweep answers for, when they are picked, then their intents are committed at once.
    async fn what_a_sweep_answers_for_is_claimed_as_it_is_picked(w: World) {
        w.read_charges(&["a", "b"]).await;
        let picked = w.picks_by(sweep(), later()).await;
        assert_eq!(picked.picked.looked_at, 2);
        assert_eq!(charges(&picked), (vec!["payoutd:transfer:pi_a:1".into(), "payoutd:transfer:pi_b:1".into()], vec![]));
        assert_eq!(w.status("a").await, "releasing");
        let rows = w.sql.rows("state, generation, lease_owner", "operations ORDER BY id").await;
        assert_eq!(rows, [[json!("submitting"), json!(1), json!("one")], [json!("submitting"), json!(1), json!("one")]]);
        assert!(!w.is_awake("a", hour(10_000)).await);
        assert_eq!(w.picks_by(sweep(), later()).await.picked.looked_at, 0);
        assert!(matches!(w.claims("a", later()).await, Claimed::Taken(_)));
    }

    /// Given anything that speaks against paying, when it is picked by a sweep, then it is held or waits as ever.
    async fn it_is_decided_under_the_lock(w: World) {
        w.read_charges(&["a", "flag", "hold", "dispute", "refund", "window"]).await;
        w.person_runs("UPDATE payments SET dispute_requested = true, dispute_reason = 'x' WHERE payment_key = 'pi_flag'").await;
        let hold = w.payment_id("hold").await;
        w.store.place_hold(Subject::Payment(hold), "ada".into(), "x".into(), later()).await.expect("held");
        let found = vec![dispute("1", "dispute", "needs_response").told("charge.dispute.created", later()).fact(),
            refund("1", "refund", 10_000, "succeeded").told("refund.created", later()).fact(),
            // Of charges that are not known here.
            dispute("2", "unknown", "needs_response").told("charge.dispute.created", later()).fact(),
            refund("2", "unknown", 10, "succeeded").told("refund.created", later()).fact()];
        for _ in 0..2 {
            w.store.take_in_listed(found.clone(), later()).await.expect("taken in, twice");
        }
        w.person_runs("UPDATE payments SET dispute_period_ends = '2027-02-01T00:00:00.000Z' WHERE payment_key = 'pi_window'").await;
        let picked = w.picks_by(sweep(), later()).await;
        assert_eq!(charges(&picked), (vec!["payoutd:transfer:pi_a:1".into()], vec![]));
        assert_eq!((picked.picked.held, picked.picked.waiting), (4, 1));
        for (name, status) in [("flag", "held"), ("hold", "held"), ("dispute", "held"), ("refund", "refunded"), ("window", "pending")] {
            assert_eq!(w.status(name).await, status, "{name}");
        }
        assert_eq!(w.sql.count("operations").await, 1);
    }

    /// Given payments that a sweep cannot answer for, when they are picked, then they are left to be read, and alone until
    /// the set time.
    async fn the_others_are_left_to_be_read(w: World) {
        w.read_charges(&["old", "part", "debt", "tried"]).await;
        w.hears([charge("unread").told("charge.succeeded", hour(0))]).await;
        w.hears([refund("1", "part", 500, "succeeded").told("refund.created", hour(2))]).await;
        w.person_runs("UPDATE payments SET paid_at = '2026-01-01T00:00:00.000Z' WHERE payment_key = 'pi_old'").await;
        w.person_runs("UPDATE payments SET mentor_id = 'm2' WHERE payment_key = 'pi_debt'").await;
        w.mentor("m2").await;
        w.person_runs("INSERT INTO mentor_debts (mentor_id, currency, outstanding) VALUES ('m2', 'usd', 100)").await;
        let op = w.submits("tried", later()).await;
        w.writes(&op, refused(400, "transfer_refused"), later()).await;
        assert!(w.store.retry(w.payment_id("tried").await, "ada".into(), later()).await.expect("recorded"));
        let picked = w.picks_by(sweep(), later()).await;
        let left = ["ch_debt", "ch_old", "ch_part", "ch_tried", "ch_unread"].map(String::from).to_vec();
        assert_eq!(charges(&picked), (vec![], left));
        assert_eq!(w.picks_by(sweep(), later() + TimeDelta::minutes(59)).await.picked.looked_at, 0);
    }

    /// Given a sweep that is too old, or of a clock that was set back, then nothing is claimed by it.
    async fn an_old_sweep_claims_nothing(w: World) {
        w.read_charges(&["a"]).await;
        for now in [later() + TimeDelta::minutes(1), later() + TimeDelta::days(1)] {
            let picked = w.picks_by(sweep(), now).await;
            assert_eq!(charges(&picked), (vec![], vec!["ch_a".into()]));
        }
        let ahead = Sweep { began: hour(10_000), good_until: hour(10_001), ..sweep() };
        assert_eq!(charges(&w.picks_by(ahead, later() + TimeDelta::days(2)).await).1, ["ch_a"]);
        assert_eq!(w.sql.count("operations").await, 0);
    }

    /// Given a payment that may have been paid by a daemon of whose work the database does not know, then it is looked for.
    async fn what_may_have_been_paid_is_looked_for(w: World) {
        w.read_charges(&["a"]).await;
        w.store.beat(later()).await.expect("a gap");
        let picked = w.picks_by(sweep(), later()).await;
        assert_eq!(charges(&picked), (vec![], vec!["ch_a".into()]));
    }

    /// Given sweeps, good and failed, of one daemon and another, then how far was swept never goes back but for a new beginning.
    async fn how_far_was_swept_is_on_record(w: World) {
        let now = later();
        assert_eq!(w.store.sweep_standing(now).await.expect("read"), SweepStanding::default());
        let first = Swept { covers_from: hour(1), to: hour(1), charges_to: hour(1) };
        assert_eq!(w.store.sweep_failed(first, hour(2)).await.expect("recorded"), hour(2));
        assert_eq!(w.store.sweep_failed(first, hour(3)).await.expect("recorded"), hour(2), "the first that failed");
        let standing = w.store.sweep_standing(now).await.expect("read");
        assert_eq!((standing.last, standing.at), (Some(first), None));
        let step = Swept { to: hour(5), charges_to: hour(4), ..first };
        assert_eq!(w.store.swept(step, None).await.expect("recorded"), hour(1));
        assert_eq!(w.store.sweep_failed(step, hour(4)).await.expect("recorded"), hour(2), "not to its end yet");
        w.store.swept(Swept { to: hour(3), ..step }, Some(hour(3))).await.expect("another daemon's, who was behind");
        let standing = w.store.sweep_standing(now).await.expect("read");
        assert_eq!((standing.last, standing.at), (Some(step), Some(hour(3))));
        assert_eq!(w.sql.count("sweeps WHERE failing_since IS NOT NULL").await, 0);
        let anew = Swept { covers_from: hour(9), to: hour(9), charges_to: hour(9) };
        assert_eq!(w.store.swept(anew, Some(hour(9))).await.expect("recorded"), hour(9));
        assert_eq!(w.store.swept(Swept { to: hour(10), ..step }, Some(hour(10))).await.expect("recorded"), hour(9));
        assert_eq!(w.store.sweep_standing(now).await.expect("read").last, Some(Swept { to: hour(10), ..anew }));
        w.paid_charges(&["a"]).await;
        assert!(w.store.sweep_standing(now).await.expect("read").is_due);
    }

    /// Given events, then those are unread from which nothing has followed.
    async fn events_are_unread_until_they_are_projected(w: World) {
        let told = charge("a").told("charge.succeeded", hour(0));
        w.receives(&[told.arrives(hour(0))]).await;
        let ids: Vec<String> = vec![told.arrives(hour(0)).event_id, "evt_other".into()];
        let unread = |failed| vec![UnreadEvent { event_id: ids[0].clone(), failed }];
        assert_eq!(w.store.unread_events(ids.clone()).await.expect("read"), unread(false));
        w.person_runs("UPDATE webhook_events SET state = 'failed'").await;
        assert_eq!(w.store.unread_events(ids.clone()).await.expect("read"), unread(true));
        w.projects(hour(1)).await;
        assert_eq!(w.store.unread_events(ids).await.expect("read"), []);
    }
}
