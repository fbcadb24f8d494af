//! The rescuer's rule of 23 hours, to the second: until then the same request goes out again under its key; from then on it
//! is only looked for, taken in where it was carried out, and made anew, under another key, where it provably was not.

use std::sync::atomic::Ordering;

use payoutd::app::sandbox::{Fault, FaultMatch, FaultRule};

use crate::play::Play;

const HOUR_MS: i64 = 3_600_000;
const KEY_MAX_AGE_MS: i64 = 23 * HOUR_MS;

/// One payment whose transfer was asked for, and whose answer was lost.
struct Asked {
    play: Play,
    charge: String,
    first_sent_ms: i64,
}

impl Asked {
    fn with(fault: Fault) -> Result<Asked, String> {
        let reads_charges = |seed| Some(Play::new(seed, None)).filter(|play| play.sweeps.is_none());
        let mut play = (1..).find_map(reads_charges).expect("half of all lives");
        play.faults.store(false, Ordering::SeqCst);
        play.mentor(0);
        play.starts();
        play.customer_pays();
        let charge = play.bookings[0].charge.clone();
        play.passes(1_000)?;
        play.post_arrives();
        play.passes(60_000)?;
        lose(&play, fault);
        play.passes(i64::try_from(crate::play::WINDOW.as_millis()).expect("a few days"))?;
        let mut asked = Asked { play, charge, first_sent_ms: 0 };
        // A daemon that slept so long looks at what it missed first.
        for _ in 0..10 {
            if asked.requests() == 0 {
                asked.play.passes(60_000)?;
            }
        }
        assert_eq!((asked.requests(), asked.state("unknown")), (1, 1), "{:#?}", asked.play.life.trace);
        let seconds = "CAST(strftime('%s', first_sent_at) AS INTEGER) * 1000";
        let ms = "CAST(substr(strftime('%f', first_sent_at), 4) AS INTEGER)";
        asked.first_sent_ms = asked.play.storage.sql.number(&format!("{seconds} + {ms}"), "operations").expect("one");
        Ok(asked)
    }

    /// Requests for its transfer that Stripe was sent.
    fn requests(&self) -> usize {
        self.play.stripe.lock().expect("no panic").asked_after.get(&self.charge).map_or(0, Vec::len)
    }

    /// Transfers that Stripe made of it.
    fn transfers(&self) -> usize {
        self.play.core(|core, _| core.events().filter(|event| event.kind == "transfer.created").count())
    }

    fn state(&self, state: &str) -> i64 {
        self.play.storage.sql.number("count(*)", &format!("operations WHERE state = '{state}'")).expect("a count")
    }

    /// Its next attempt is due so long after the first one, and time goes on to then.
    fn is_due_after(&mut self, ms: i64) -> Result<(), String> {
        let at = self.first_sent_ms + ms;
        let at_utc = chrono::DateTime::from_timestamp_millis(at).expect("a time");
        let written = at_utc.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        self.play.storage.sql.run(&format!("UPDATE operations SET next_attempt_at = '{written}'"));
        let left = at - self.play.time.now_ms();
        assert!(left >= 0, "that is over");
        self.play.passes(left)?;
        // To be taken up, and to be answered, takes a moment.
        for _ in 0..3 {
            self.play.passes(1_000)?;
        }
        Ok(())
    }
}

/// The next request for a transfer meets this.
fn lose(play: &Play, fault: Fault) {
    play.core(|core, _| core.add_fault(FaultRule::times(1, FaultMatch::transfers(), fault)));
}

#[test]
fn seconds_before_its_key_is_too_old_it_is_sent_again_under_it() -> Result<(), String> {
    for (fault, made_before) in [(Fault::ResetAfterEffect, 1), (Fault::ResetBeforeEffect, 0)] {
        let mut asked = Asked::with(fault)?;
        assert_eq!(asked.transfers(), made_before);
        asked.is_due_after(KEY_MAX_AGE_MS - 5_000)?;
        assert_eq!((asked.requests(), asked.transfers(), asked.state("confirmed")), (2, 1, 1));
    }
    Ok(())
}

#[test]
fn from_then_on_what_was_carried_out_is_found_and_taken_in() -> Result<(), String> {
    let mut asked = Asked::with(Fault::ResetAfterEffect)?;
    asked.is_due_after(KEY_MAX_AGE_MS)?;
    assert_eq!((asked.requests(), asked.transfers(), asked.state("confirmed")), (1, 1, 1));
    Ok(())
}

#[test]
fn and_what_is_not_found_so_long_after_it_was_sent_is_made_anew() -> Result<(), String> {
    let mut asked = Asked::with(Fault::ResetBeforeEffect)?;
    asked.is_due_after(KEY_MAX_AGE_MS)?;
    for _ in 0..10 {
        asked.play.passes(60_000)?;
    }
    assert_eq!((asked.requests(), asked.transfers()), (2, 1));
    assert_eq!((asked.state("rejected"), asked.state("confirmed")), (1, 1), "the first is over, another was made");
    let keys = asked.play.storage.sql.number("count(DISTINCT idempotency_key)", "operations");
    assert_eq!(keys, Some(2), "under a key of its own");
    Ok(())
}
