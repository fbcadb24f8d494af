//! The inbox: what came is kept once, byte for byte, and handed out until it is projected.

use chrono::TimeDelta;
use payoutd::domain::facts::Fact;
use payoutd::domain::ids::PaymentKey;
use payoutd::ports::{Kept, NewEvent, Projected, Store};
use serde_json::json;

use crate::events::{Event, charge, hour, minute};
use crate::world::{World, stories};

fn succeeded(name: &str) -> Event {
    charge(name).told("charge.succeeded", hour(0))
}

stories! {
    /// Given a webhook that comes twice, in one batch and again later, then it is kept once, as it came first.
    async fn an_event_is_kept_once(w: World) {
        let mut again = succeeded("a").arrives(minute(5));
        again.body = b"another body under the same id".to_vec();

        let kept = w.receives(&[succeeded("a").arrives(minute(1)), succeeded("a").arrives(minute(1)), again.clone()]).await;
        assert_eq!(kept, [Kept::New, Kept::Again, Kept::Again]);
        assert_eq!(w.receives(&[again, succeeded("b").arrives(minute(6))]).await, [Kept::Again, Kept::New]);

        let waiting = w.store.unprojected(10, Vec::new(), minute(9)).await.expect("read");
        assert_eq!(waiting.len(), 2);
        assert_eq!(waiting[0].body, succeeded("a").body());
        assert_eq!(w.store.oldest_unprojected().await.expect("read"), Some(minute(1)));
    }

    /// Given a body that is no text at all, then it is kept byte for byte, as failed, for a person; never retried.
    async fn a_body_that_is_no_event_is_kept_byte_for_byte(w: World) {
        let body: Vec<u8> = (0..=255).chain([0, 0, 0xc3, 0x28]).collect();
        let event = NewEvent {
            event_id: "body_5f3a".into(),
            kind: String::new(),
            created_at: minute(0),
            livemode: false,
            account: None,
            body: body.clone(),
            received_at: minute(0),
            unreadable: Some("the body is not a Stripe event: not UTF-8".into()),
        };
        assert_eq!(w.receives(std::slice::from_ref(&event)).await, [Kept::New]);
        assert_eq!(w.receives(&[event]).await, [Kept::Again]);

        let hex: String = body.iter().map(|byte| format!("{byte:02X}")).collect();
        let stored = if w.sql.is_postgres() { "upper(encode(body, 'hex'))" } else { "hex(body)" };
        let row = w.sql.row(&format!("{stored}, state, note, next_attempt_at"), "webhook_events").await;
        assert_eq!(row, [json!(hex), json!("failed"), json!("the body is not a Stripe event: not UTF-8"), json!(null)]);
        assert!(w.store.unprojected(10, Vec::new(), hour(1_000)).await.expect("read").is_empty());
        assert_eq!(w.store.oldest_unprojected().await.expect("read"), None);
    }

    /// Given no events, when none are kept, then nothing happens.
    async fn an_empty_batch_is_fine(w: World) {
        assert!(w.receives(&[]).await.is_empty());
        w.projects(hour(0)).await;
        assert_eq!(w.store.oldest_unprojected().await.expect("read"), None);
    }

    /// Given events that came one after the other, then they are handed out in that order, as many as asked for.
    async fn they_are_handed_out_in_the_order_in_which_they_came(w: World) {
        w.receives(&[succeeded("c").arrives(minute(1)), succeeded("a").arrives(minute(1))]).await;
        w.receives(&[succeeded("d").arrives(minute(3))]).await;
        w.receives(&[succeeded("b").arrives(minute(2))]).await;

        let waiting = w.store.unprojected(3, Vec::new(), minute(9)).await.expect("read");
        let ids: Vec<&str> = waiting.iter().map(|event| event.event_id.as_str()).collect();
        assert_eq!(ids, [succeeded("c").id, succeeded("a").id, succeeded("b").id]);
        assert!(w.store.unprojected(10, Vec::new(), minute(0)).await.expect("read").is_empty(), "none is due before it came");

        // While those are being projected, the next are read.
        let these = waiting.iter().map(|event| event.row_id).collect();
        let next = w.store.unprojected(3, these, minute(9)).await.expect("read");
        let ids: Vec<&str> = next.iter().map(|event| event.event_id.as_str()).collect();
        assert_eq!(ids, [succeeded("d").id]);
    }

    /// Given a batch with one event that cannot be read and one that the database refuses, when it is projected, then
    /// the others are projected, and those two stay with their errors and come again at the set time.
    async fn one_bad_event_does_not_fail_the_others(w: World) {
        let bad = charge("neg").told("charge.succeeded", hour(0));
        let thief = charge("thief").told("charge.succeeded", hour(0));
        w.receives(&[&succeeded("a"), &bad, &succeeded("b"), &thief].map(|event| event.arrives(minute(1)))).await;
        let waiting = w.store.unprojected(10, Vec::new(), minute(1)).await.expect("read");
        // Charge `ch_b` under another payment's key: the unique key on the charge refuses it.
        let mut stolen = succeeded("b").fact();
        if let Fact::Payment(source) = &mut stolen {
            source.key = PaymentKey::new("pi_other");
            source.object_id = "pi_other".into();
        }
        let unreadable = Err("`amount_refunded` is `-5`".to_owned());
        let facts = [Ok(succeeded("a").fact()), unreadable, Ok(succeeded("b").fact()), Ok(stolen)];
        let projected = waiting.iter().zip(facts).zip(30..);
        let batch: Vec<Projected> = projected
            .map(|((event, fact), retry)| Projected { row_id: event.row_id, fact, retry_at: minute(retry) })
            .collect();
        w.store.project(batch, minute(2)).await.expect("projected");

        let states = w.sql.rows("state, attempts", "webhook_events ORDER BY id").await;
        let words: Vec<String> = states.iter().map(|row| format!("{} {}", row[0].as_str().expect("text"), row[1])).collect();
        assert_eq!(words, ["projected 1", "failed 1", "projected 1", "failed 1"]);
        let note = w.sql.value("note", &format!("webhook_events WHERE event_id = '{}'", bad.id)).await;
        assert_eq!(note, json!("`amount_refunded` is `-5`"));
        let refused = w.sql.value("note", &format!("webhook_events WHERE event_id = '{}'", thief.id)).await;
        assert!(refused.as_str().expect("a note").contains("refused to project the event"), "{refused}");
        assert_eq!(w.sql.count("payments").await, 2, "nothing half-written of the refused one");
        assert_eq!(w.sql.count("payment_sources WHERE payment_key = 'pi_other'").await, 0);

        assert!(w.store.unprojected(10, Vec::new(), minute(30)).await.expect("read").is_empty());
        let again = w.store.unprojected(10, Vec::new(), minute(33)).await.expect("read");
        assert_eq!(again.iter().map(|event| (event.row_id, event.attempts)).collect::<Vec<_>>(),
            [(waiting[1].row_id, 1), (waiting[3].row_id, 1)]);
    }

    /// Given an event that failed, when its retry can be read, then it is projected and its error is gone from the queue.
    async fn a_failed_event_is_retried(w: World) {
        w.receives(&[succeeded("a").arrives(minute(1))]).await;
        let row_id = w.store.unprojected(1, Vec::new(), minute(1)).await.expect("read")[0].row_id;
        let failed = Projected { row_id, fact: Err("not yet".into()), retry_at: minute(10) };
        w.store.project(vec![failed], minute(2)).await.expect("recorded");
        assert_eq!(w.store.oldest_unprojected().await.expect("read"), None, "a failed one is not counted as waiting");

        w.projects(minute(10)).await;
        let row = w.sql.row("state, attempts, next_attempt_at, payment_key", "webhook_events").await;
        assert_eq!(row, [json!("projected"), json!(2), json!(null), json!("pi_a")]);
        assert_eq!(w.payment("a").await.paid_at, Some(hour(0)));
    }

    /// Given an event of a type that payoutd does not act on, then it is kept, and says why it was left.
    async fn an_unknown_type_is_stored_and_left(w: World) {
        w.hears([charge("a").told("charge.something_new", hour(0))]).await;
        let row = w.sql.row("state, note", "webhook_events").await;
        assert_eq!(row, [json!("ignored"), json!("a type that payoutd does not act on")]);
        assert!(w.store.unprojected(10, Vec::new(), minute(1) + TimeDelta::days(9)).await.expect("read").is_empty());
    }
}
