//! How a life goes on: turns of a millisecond, leaps of time, the post on its way, and an auditor who looks at it all.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use super::Play;
use crate::auditor::{Over, Witness};

impl Play {
    pub(super) fn now(&self) -> chrono::DateTime<chrono::Utc> {
        chrono::DateTime::from_timestamp_millis(self.time.now_ms()).expect("a time")
    }

    pub fn core<T>(&self, act: impl FnOnce(&mut payoutd::app::sandbox::Core, i64) -> T) -> T {
        act(&mut self.stripe.lock().expect("no panic").core, self.time.now_s())
    }

    /// So many turns of a millisecond, or until nothing moves.
    pub(super) fn goes_on(&mut self, turns: u64) -> Result<(), String> {
        let moves = |play: &Play| {
            let stripe = play.stripe.lock().expect("no panic");
            play.storage.moves.load(Ordering::SeqCst) + stripe.calls + stripe.lists
        };
        let (mut before, mut still) = (moves(self), 0);
        for _ in 0..turns {
            self.post_office();
            for index in 0..self.daemons.len() {
                self.daemons[index].works(1);
            }
            self.flags_what_is_looked_at();
            self.falls_asleep();
            self.time.passes(1);
            let now = moves(self);
            still = if now == before { still + 1 } else { 0 };
            before = now;
            // In the end nobody loses an answer that is on its way.
            let is_calm = self.faults.load(Ordering::SeqCst) || self.stripe.lock().expect("no panic").waited_for == 0;
            if still > 42 && is_calm {
                break;
            }
        }
        self.auditor_looks()
    }

    /// Now and then somebody flags the very payment that a daemon is about to claim.
    fn flags_what_is_looked_at(&mut self) {
        let Some(charge) = self.stripe.lock().expect("no panic").just_read.take() else { return };
        let looked_at = self.bookings.iter().position(|booking| booking.charge == charge && !booking.is_flagged);
        if let Some(index) = looked_at
            && self.faults.load(Ordering::SeqCst)
            && self.chance.permille(60)
        {
            self.flags(index, true);
        }
    }

    /// Now and then a machine sleeps right when it would ask for a transfer, or has asked.
    fn falls_asleep(&mut self) {
        let Some(number) = self.stripe.lock().expect("no panic").about_to_pay.take() else { return };
        if self.faults.load(Ordering::SeqCst)
            && self.chance.permille(80)
            && let Some(daemon) = self.daemons.iter_mut().find(|daemon| daemon.number == number)
        {
            daemon.is_frozen = true;
            self.notes(format!("daemon {number} sleeps"));
        }
    }

    /// Time passes, and everybody is kicked: it is another minute.
    pub fn passes(&mut self, ms: i64) -> Result<(), String> {
        self.those_told_to_stop_are_gone();
        self.time.passes(ms);
        self.stripe.lock().expect("no panic").goes_on(self.time.now_s());
        for daemon in &mut self.daemons {
            daemon.works(ms.unsigned_abs());
            daemon.kick();
        }
        self.goes_on(80)
    }

    /// New events set out, some late, some twice; those that are due arrive.
    fn post_office(&mut self) {
        let events: Vec<String> =
            self.core(|core, _| core.events().skip(self.told).map(|event| event.id.clone()).collect());
        self.told += events.len();
        let now = self.time.now_ms();
        for id in events {
            let late = self.chance.of(&[0, 0, 0, 500, 30_000, 3_600_000, 200_000_000]);
            let copies = 1 + u64::from(self.chance.permille(150));
            for _ in 0..copies {
                self.on_the_way.push_back((now + late, id.clone()));
            }
        }
        for daemon in &mut self.daemons {
            for (id, kept) in daemon.answered() {
                if !kept {
                    self.on_the_way.push_back((now + 5_000, id));
                }
            }
        }
        if self.daemons.is_empty() {
            return;
        }
        let (due, later): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.on_the_way).into_iter().partition(|(at, _)| *at <= now);
        self.on_the_way = later;
        for (_, id) in due {
            let text = self.core(|core, _| core.event(&id).map(|event| event.text().to_owned()));
            let index = self.chance.index(self.daemons.len());
            self.daemons[index].delivers(&id, &text.expect("it happened"));
        }
    }

    /// Whatever is on the way arrives next.
    pub fn post_arrives(&mut self) {
        for (at, _) in &mut self.on_the_way {
            *at = 0;
        }
    }

    pub(super) fn auditor_looks(&mut self) -> Result<(), String> {
        let stripe = self.stripe.lock().expect("no panic");
        let claims = self.storage.claims.lock().expect("no panic");
        let owed = "mentor_debts JOIN mentors ON mentors.id = mentor_debts.mentor_id";
        let debtors = self.storage.sql.numbers("substr(mentors.id, 8)", owed);
        let debtors = debtors.into_iter().map(|number| format!("mentor-{number}")).collect();
        let witness =
            Witness { asked_after: &stripe.asked_after, claims: &claims, flagged: &self.flagged, debtors: &debtors };
        self.auditor.reads(stripe.core.events(), &witness)?;
        let ids =
            |from: &str| self.storage.sql.numbers("id", &format!("operations WHERE {from}")).into_iter().collect();
        let keys: Vec<String> = self.auditor.made().iter().map(|key| format!("'{key}'")).collect();
        let made = ids(&format!("idempotency_key IN ({})", keys.join(", ")));
        let over = Over {
            all: ids("state IN ('confirmed', 'rejected')"),
            absent: ids("state = 'rejected' AND error_code = 'absent'"),
        };
        self.auditor.sees_over(over, &made)
    }
}
