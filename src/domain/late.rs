//! Objections that come once a payment was paid: whom to tell. What to do about them is `adjust`'s business.

use super::adjust::{FLAG, Finding, LateAction};
use super::adjusted::why;
use super::dispute::{Standing, standing};
use super::money::{Currency, MinorUnits};
use super::notice::{Notice, Outgoing, brief, brief_in};
use super::operation::Operation;
use super::payment::Payment;
use super::policy::Policy;
use super::reason::Reason;
use super::release::{Case, Plan};

/// Alerts about objections that no money follows: once for each objection.
pub fn objections(case: &Case, policy: &Policy) -> Vec<Outgoing> {
    let payment = &case.payment;
    let alerts_flag = policy.after.late_flag == LateAction::Alert;
    let flag = payment.flag.clone().filter(|_| alerts_flag).map(|why| (flag_key(payment), Reason::Flagged(why)));
    // That a dispute is opened is told when Stripe tells it (`dispute_news`).
    let unknown = case.disputes.iter().filter(|dispute| standing(&dispute.status) == Standing::Unknown);
    let disputes = unknown.map(|dispute| {
        let key = format!("{}:{}", dispute.id, dispute.status);
        (key, Reason::DisputeUnclear(dispute.id.clone(), dispute.status.clone()))
    });
    let other_currency = case.disputes.iter().filter(|d| d.currency != payment.currency).map(|dispute| {
        let words = format!("{} in {}", dispute.status, dispute.currency);
        (format!("{}:currency", dispute.id), Reason::DisputeUnclear(dispute.id.clone(), words))
    });
    let reasons = flag.into_iter().chain(disputes).chain(other_currency);
    reasons.map(|(key, reason)| objection(case, &key, &reason)).chain(refund_came_back(case)).collect()
}

/// Each raising of the flag is an objection of its own.
pub fn flag_key(payment: &Payment) -> String {
    match payment.flag_lifted {
        0 => FLAG.to_owned(),
        lifted => format!("{FLAG}:{lifted}"),
    }
}

/// A refund that the transfer was measured by, and that failed afterwards: the mentor was sent too little.
fn refund_came_back(case: &Case) -> Option<Outgoing> {
    let payment = &case.payment;
    let first = &case.position.as_ref()?.first;
    let kept = payment.amount.saturating_sub(payment.refunded);
    let why = "a refund that was counted before the transfer has failed since: the mentor was sent less than is due";
    let notice =
        Notice::Unsettled { payment: brief(payment, case.mentor.as_ref(), payment.mentor_due()), why: why.to_owned() };
    let told = Outgoing::to_admin(notice, "unsettled", format!("{}:short:{kept}", payment.id), Some(payment.id));
    (kept > first.kept).then_some(told)
}

/// Alerts about what a look found and payoutd cannot put right by itself: once for each amount.
pub fn finding(case: &Case, found: &Finding) -> Vec<Outgoing> {
    let payment = &case.payment;
    let (amount, kind, why) = match found {
        Finding::Settled | Finding::Due(_) => return Vec::new(),
        Finding::Unexplained(amount) => {
            let why = "more was sent than is due by now, and no refund or dispute explains it; nothing was taken back";
            (*amount, "unexplained", why.to_owned())
        }
        Finding::Blocked(amount, why) => (*amount, "blocked", format!("this is to be paid again, but not yet: {why}")),
    };
    let summary = brief_in(paid_in(case), payment, case.mentor.as_ref(), amount);
    let notice = Notice::Unsettled { payment: summary, why };
    let subject = format!("{}:{kind}:{amount}", payment.id);
    vec![Outgoing::to_admin(notice, "unsettled", subject, Some(payment.id))]
}

/// The alert about one objection.
pub fn objection(case: &Case, key: &str, reason: &Reason) -> Outgoing {
    let payment = &case.payment;
    let summary = brief_in(paid_in(case), payment, case.mentor.as_ref(), paid(case, payment));
    let notice = Notice::PaidDespite { payment: summary, why: reason.sentence() };
    Outgoing::to_admin(notice, "paid_despite", format!("{}:{key}", payment.id), Some(payment.id))
}

/// A payment of which this much is kept for a later transfer, and what is kept by now with it.
fn carried(case: &Case, amount: MinorUnits) -> Option<Outgoing> {
    let payment = &case.payment;
    let summary = brief_in(payment.pay_currency(), payment, case.mentor.as_ref(), amount);
    let together = case.credit.checked_add(amount).unwrap_or(amount);
    let notice = Notice::Carried { payment: summary, together };
    Outgoing::to_mentor(case.mentor.as_ref(), notice, format!("carried:{}", payment.id), true)
}

/// A payment of which nothing was sent: it went towards a debt, or is kept.
pub fn kept(case: &Case, plan: &Plan) -> Option<Outgoing> {
    match plan.carried_over {
        MinorUnits::ZERO => netted(case),
        amount => carried(case, amount),
    }
}

fn netted(case: &Case) -> Option<Outgoing> {
    let payment = &case.payment;
    let summary = brief_in(payment.pay_currency(), payment, case.mentor.as_ref(), payment.mentor_pay());
    let notice = Notice::Netted { payment: summary };
    Outgoing::to_mentor(case.mentor.as_ref(), notice, format!("netted:{}", payment.id), false)
}

/// What is owed of a payment that was never sent comes out of what is kept for the mentor, as far as there is as much.
pub fn owed_or_kept_less(case: &Case, cause: &str, amount: MinorUnits) -> Vec<Outgoing> {
    let was_sent = case.position.as_ref().is_none_or(|position| !position.transfers.is_empty());
    let less = if was_sent { MinorUnits::ZERO } else { amount.min(case.credit) };
    let rest = amount.saturating_sub(less);
    let kept_less = (less > MinorUnits::ZERO).then(|| {
        let payment = brief_in(paid_in(case), &case.payment, case.mentor.as_ref(), less);
        let key = format!("kept_less:{}:{cause}", case.payment.id);
        Outgoing::to_mentor(case.mentor.as_ref(), Notice::KeptLess { payment, why: why(cause) }, key, false)
    });
    let owed = if rest > MinorUnits::ZERO { owed(case, cause, rest) } else { Vec::new() };
    kept_less.flatten().into_iter().chain(owed).collect()
}

/// A debt: there was nothing left to take back.
pub fn owed(case: &Case, cause: &str, amount: MinorUnits) -> Vec<Outgoing> {
    let payment = &case.payment;
    let summary = brief_in(paid_in(case), payment, case.mentor.as_ref(), amount);
    let key = format!("{}:{cause}", payment.id);
    let notice = Notice::Owed { payment: summary.clone(), why: why(cause) };
    let to_mentor = Outgoing::to_mentor(case.mentor.as_ref(), notice, format!("owed:{key}"), false);
    let notice = Notice::DebtRecorded { payment: summary, why: why(cause) };
    std::iter::once(Outgoing::to_admin(notice, "debt_recorded", key, Some(payment.id))).chain(to_mentor).collect()
}

/// A mentor is held by payoutd's own rule.
pub fn mentor_paused(last: &Operation, why: String) -> Outgoing {
    let mentor_id = last.mentor_id.clone();
    let notice = Notice::MentorHeld { mentor: mentor_id.to_string(), mentor_id, why };
    Outgoing::to_admin(notice, "mentor_held", last.key.as_str(), last.about.payment())
}

fn paid(case: &Case, payment: &Payment) -> MinorUnits {
    case.position.as_ref().map_or(payment.mentor_pay(), |position| position.first.gross)
}

fn paid_in(case: &Case) -> Currency {
    case.position.as_ref().map_or(case.payment.pay_currency(), |position| position.currency)
}
