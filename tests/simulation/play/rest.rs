//! The end of a life: no more faults, whatever is due must come, and Stripe, the rows, the ledger and the mailbox must tell
//! the same.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use payoutd::app::sandbox::DisputeStatus;
use payoutd::domain::hold::Subject;
use payoutd::domain::ids::{MentorId, PaymentId};
use payoutd::ports::{Books, Store};

use super::Play;
use crate::auditor::Charge;
use crate::storage::By;

impl Play {
    /// No more faults, flags, holds and open disputes: what is due must come.
    pub(super) fn comes_to_rest(&mut self) -> Result<(), String> {
        self.notes("the end begins".into());
        self.faults.store(false, Ordering::SeqCst);
        self.core(|core, _| core.clear_faults());
        for daemon in &mut self.daemons {
            daemon.clock.skew_ms.store(0, Ordering::SeqCst);
            daemon.is_frozen = false;
        }
        for index in 0..self.bookings.len() {
            if let Some((id, status)) = self.bookings[index].dispute.clone() {
                let ends = end_of(status, self.chance.permille(500));
                for next in ends {
                    self.dispute_becomes(index, &id, *next);
                }
            }
        }
        self.post_arrives();
        let mut hours = 0;
        loop {
            for index in 0..self.bookings.len() {
                if self.bookings[index].is_flagged {
                    self.flags(index, false);
                }
            }
            self.passes(8 * 3_600_000)?;
            self.goes_on(1_000)?;
            self.post_arrives();
            self.lift_and_retry();
            hours += 8;
            if hours > 76 && self.rests() {
                return Ok(());
            }
            if hours > 800 {
                return Err(format!("it does not come to rest: {}", self.restless()));
            }
        }
    }

    fn lift_and_retry(&mut self) {
        let now = self.now();
        for mentor in self.mentors.clone() {
            let (on, why) = (Subject::Mentor(MentorId::new(mentor)), "the end".to_owned());
            self.storage.at_once(self.storage.database.lift_holds(on, "sim".into(), why, now)).expect("lifted");
        }
        for id in self.storage.sql.numbers("payment_id", "holds WHERE lifted_at IS NULL AND payment_id IS NOT NULL") {
            let (on, why) = (Subject::Payment(PaymentId(id)), "the end".to_owned());
            self.storage.at_once(self.storage.database.lift_holds(on, "sim".into(), why, now)).expect("lifted");
        }
        self.admin_retries();
    }

    fn restless(&self) -> String {
        let count = |from: &str| self.storage.sql.number("count(*)", from).unwrap_or_default();
        format!(
            "{} events on the way, {} not projected, {} operations under way, {} emails queued, {} payments on their way, \
             {} requests open, {} withdrawals open",
            self.on_the_way.len(),
            count("webhook_events WHERE state = 'pending'"),
            count("operations WHERE state NOT IN ('confirmed', 'rejected')"),
            count("emails WHERE state = 'queued'"),
            count(
                "payments WHERE status IN ('pending', 'releasing', 'failed') \
                OR (status = 'transferred' AND wait_reason = 'preflight' AND wait_until = next_check_at)"
            ),
            count("refund_requests WHERE state IN ('open', 'submitted')"),
            count("payout_requests WHERE state IN ('open', 'submitted')"),
        )
    }

    fn rests(&self) -> bool {
        self.restless().split(", ").all(|part| part.starts_with("0 "))
            && self.told == self.core(|core, _| core.events().len())
    }

    /// Stripe, the rows, the ledger and the mailbox tell the same.
    pub(super) fn is_right(&mut self) -> Result<(), String> {
        self.auditor_looks()?;
        for mentor in &self.mentors {
            let theirs = || self.auditor.charges.values().filter(|charge| charge.mentor == *mentor);
            let (left, due): (i64, i64) = (theirs().map(Charge::left).sum(), theirs().map(Charge::due).sum());
            let from = format!("mentor_debts WHERE mentor_id = '{mentor}'");
            let owed = self.storage.sql.number("coalesce(sum(outstanding), 0)", &from).unwrap_or_default();
            let tolerance = theirs().map(|charge| charge.refunds + 1).sum::<i64>();
            if (left - due - owed).abs() > tolerance {
                let charges: Vec<_> = theirs().collect();
                return Err(format!("{mentor} has {left} and owes {owed}, {due} is due; {charges:#?}"));
            }
            self.life.transfers += theirs().map(|charge| charge.transfers.len() as u64).sum::<u64>();
        }
        self.books_agree()?;
        let count = |from: &str| self.storage.sql.number("count(*)", from).unwrap_or_default();
        let events = i64::try_from(self.core(|core, _| core.events().len())).expect("few");
        if count("webhook_events WHERE state <> 'failed'") != events {
            return Err(format!(
                "{events} events happened, {} are kept and read",
                count("webhook_events WHERE state <> 'failed'")
            ));
        }
        if count("payments") != i64::try_from(self.bookings.len()).expect("few") {
            return Err("a payment is missing".into());
        }
        let audit = self.storage.at_once(self.storage.database.audit_payments(0, 10_000)).map_err(|e| e.to_string())?;
        let mentors = self.storage.at_once(self.storage.database.audit_mentors()).map_err(|e| e.to_string())?;
        if let Some(first) = audit.differences.iter().chain(&mentors).next() {
            return Err(format!("the audit: {first:?}"));
        }
        self.mail_is_right()?;
        self.life.calls = self.stripe.lock().expect("no panic").calls;
        let claims = self.storage.claims.lock().expect("no panic");
        self.life.by_sweep = claims.iter().filter(|claim| matches!(claim.by, By::Sweep(_))).count() as u64;
        Ok(())
    }

    /// The ledger is what Stripe's own books say.
    fn books_agree(&self) -> Result<(), String> {
        let books = self.core(|core, now| core.books(now));
        let sum = |account: &str| {
            let from = format!("ledger_entries WHERE account = '{account}'");
            self.storage.sql.number("coalesce(sum(amount), 0)", &from).unwrap_or_default()
        };
        let of = |sums: &BTreeMap<String, i64>| sums.get("usd").copied().unwrap_or(0);
        let platform = of(&books.available_minor) + of(&books.pending_minor);
        for (account, there) in [("platform_balance", platform), ("connected_balance", of(&books.connected_minor))] {
            if sum(account) != there {
                return Err(format!("{account}: the ledger says {}, Stripe {there}", sum(account)));
            }
        }
        Ok(())
    }

    /// Each email was delivered, and each mentor who was paid was told.
    fn mail_is_right(&self) -> Result<(), String> {
        let count = |from: &str| self.storage.sql.number("count(*)", from).unwrap_or_default();
        if count("emails WHERE state <> 'sent'") != 0 {
            return Err("an email was not sent".into());
        }
        let paid = count("emails WHERE kind = 'paid'");
        let transferred = count("operations WHERE kind = 'transfer' AND state = 'confirmed'");
        if paid != transferred {
            return Err(format!("{transferred} transfers, {paid} emails that tell of one"));
        }
        let letters = count("(SELECT DISTINCT coalesce(sent_with, id) FROM emails)");
        let delivered = self.delivered.lock().expect("no panic");
        let ids: std::collections::BTreeSet<_> = delivered.iter().map(|(id, ..)| id).collect();
        if i64::try_from(ids.len()).expect("few") < letters {
            return Err(format!("{letters} letters are sent by the rows, {} were delivered", ids.len()));
        }
        Ok(())
    }
}

fn end_of(status: DisputeStatus, wins: bool) -> &'static [DisputeStatus] {
    use DisputeStatus::*;
    match status {
        WarningNeedsResponse | WarningUnderReview => &[WarningClosed],
        NeedsResponse | UnderReview if wins => &[Won],
        NeedsResponse | UnderReview => &[Lost],
        _ => &[],
    }
}
