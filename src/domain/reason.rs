//! Every reason not to pay, with a code for programs and a sentence for people.

use super::hold::{Hold, HoldSource, Subject};
use super::ids::{AccountId, DisputeId, MentorId, TransferId};
use super::mentor::Capability;
use super::money::{Currency, MinorUnits};
use super::payment::Collection;

/// A fact that speaks against paying, until the fact changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The customer's money is not there.
    NotPaid(Collection),
    /// Paid, but Stripe has not said yet with which charge.
    ChargeUnknown,
    /// A test payment on a live daemon, or the other way round.
    OtherMode,
    /// Stripe moved the money to the mentor with the charge.
    DestinationCharge,
    /// The admin's flag.
    Flagged(String),
    /// A hold on the payment or on its mentor.
    Held(Hold),
    /// An inquiry or dispute that is not over.
    DisputeOpen(DisputeId, String),
    /// A dispute whose status this version does not know.
    DisputeUnclear(DisputeId, String),
    /// A dispute that the platform lost.
    DisputeLost(DisputeId),
    /// The charge says it is disputed, and no dispute is known yet.
    DisputeUnread,
    /// The session is not completed, and the operator waits for that.
    NotCompleted,
    /// Somebody asked for a refund, and that is not settled yet.
    RefundAsked,
    /// All of it went back to the customer.
    RefundedInFull,
    /// A transfer of this charge that payoutd did not make.
    TransferredElsewhere(TransferId),
    /// The metadata names nobody.
    MentorUnnamed,
    /// The metadata names somebody who is not registered.
    MentorUnknown(MentorId),
    /// The mentor has no connected account.
    NoAccount(MentorId),
    /// Stripe has not said yet what the account may do.
    AccountUnread(AccountId),
    /// Stripe does not know the account, or does not show it to this platform.
    AccountNotFound(AccountId),
    /// The mentor disconnected the account from the platform.
    AccountDisconnected(AccountId),
    /// The account may not receive transfers.
    TransfersInactive(AccountId, Capability, Option<String>),
    /// The fee in the metadata does not add up.
    FeeConflict(String),
    /// Less than the currency's minimum.
    BelowMinimum(Currency, MinorUnits, MinorUnits),
    /// The charge settled in another currency than it was made in.
    OtherSettlement(Currency, Currency),
    /// A transfer of it is under way.
    InFlight,
    /// It was transferred.
    Transferred,
    /// It is carried over, to be sent with a later payment.
    Carried,
    /// It went towards the mentor's debt.
    Netted,
    /// Stripe refused it for good; a person must act.
    FailedForGood,
}

impl Reason {
    /// Every code.
    pub const CODES: &'static [&'static str] = &[
        "not_paid",
        "charge_unknown",
        "other_mode",
        "destination_charge",
        "flagged",
        "payment_hold",
        "mentor_restricted",
        "mentor_hold",
        "dispute_open",
        "dispute_unclear",
        "dispute_lost",
        "dispute_unread",
        "not_completed",
        "refund_asked",
        "refunded",
        "transferred_elsewhere",
        "mentor_unnamed",
        "mentor_unknown",
        "no_account",
        "account_unread",
        "account_not_found",
        "account_disconnected",
        "transfers_inactive",
        "fee_conflict",
        "below_minimum",
        "other_settlement_currency",
        "in_flight",
        "transferred",
        "carried",
        "netted",
        "failed",
    ];

    /// A short stable word for programs, stored in `payments.hold_reasons`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotPaid(_) => "not_paid",
            Self::ChargeUnknown => "charge_unknown",
            Self::OtherMode => "other_mode",
            Self::DestinationCharge => "destination_charge",
            Self::Flagged(_) => "flagged",
            Self::Held(hold) => match (&hold.subject, hold.source) {
                (Subject::Payment(_), _) => "payment_hold",
                (Subject::Mentor(_), HoldSource::Stripe) => "mentor_restricted",
                (Subject::Mentor(_), _) => "mentor_hold",
            },
            Self::DisputeOpen(..) => "dispute_open",
            Self::DisputeUnclear(..) => "dispute_unclear",
            Self::DisputeLost(_) => "dispute_lost",
            Self::DisputeUnread => "dispute_unread",
            Self::NotCompleted => "not_completed",
            Self::RefundAsked => "refund_asked",
            Self::RefundedInFull => "refunded",
            Self::TransferredElsewhere(_) => "transferred_elsewhere",
            Self::MentorUnnamed => "mentor_unnamed",
            Self::MentorUnknown(_) => "mentor_unknown",
            Self::NoAccount(_) => "no_account",
            Self::AccountUnread(_) => "account_unread",
            Self::AccountNotFound(_) => "account_not_found",
            Self::AccountDisconnected(_) => "account_disconnected",
            Self::TransfersInactive(..) => "transfers_inactive",
            Self::FeeConflict(_) => "fee_conflict",
            Self::BelowMinimum(..) => "below_minimum",
            Self::OtherSettlement(..) => "other_settlement_currency",
            Self::InFlight => "in_flight",
            Self::Transferred => "transferred",
            Self::Carried => "carried",
            Self::Netted => "netted",
            Self::FailedForGood => "failed",
        }
    }

    /// The same for people, with what would change it.
    pub fn sentence(&self) -> String {
        match self {
            Self::NotPaid(Collection::Canceled) => "the customer's payment was canceled".into(),
            Self::NotPaid(Collection::Failed) => "the customer's payment failed; they may try again".into(),
            Self::NotPaid(Collection::Authorized) => "authorised and not captured yet".into(),
            Self::NotPaid(_) => "the customer has not paid yet".into(),
            Self::ChargeUnknown => "Stripe has not named the charge yet; its webhook will".into(),
            Self::OtherMode => "test and live mode are mixed: the payment is not of the Stripe key's mode".into(),
            Self::DestinationCharge => "a destination charge: Stripe moved the money with the charge".into(),
            Self::Flagged(reason) if reason.is_empty() => "flagged by an admin".into(),
            Self::Flagged(reason) => format!("flagged by an admin: {reason}"),
            Self::Held(hold) => held(hold),
            Self::DisputeOpen(_, status) => {
                format!("an open dispute ({})", status.replace('_', " "))
            }
            Self::DisputeUnclear(_, status) => {
                format!("a dispute whose status `{status}` payoutd does not know")
            }
            Self::DisputeLost(_) => "the dispute was lost: the customer has the money back".into(),
            Self::DisputeUnread => "the charge is disputed; the dispute has not been read yet".into(),
            Self::NotCompleted => "nobody has said that the session was completed (payoutd complete)".into(),
            Self::RefundAsked => "a refund was asked for, which is settled first".into(),
            Self::RefundedInFull => "refunded in full".into(),
            Self::TransferredElsewhere(_) => "the charge was already transferred, not by payoutd".into(),
            Self::MentorUnnamed => "no mentor in the metadata".into(),
            Self::MentorUnknown(id) => {
                format!("mentor `{id}` is not registered (payoutd mentor add)")
            }
            Self::NoAccount(_) => "the mentor has no Stripe account yet".into(),
            Self::AccountUnread(_) => "the mentor's Stripe account has not been read yet".into(),
            Self::AccountNotFound(id) => {
                format!(
                    "Stripe does not show {id} to this platform: is it the mentor's, and connected? (payoutd mentor add)"
                )
            }
            Self::AccountDisconnected(_) => "the mentor disconnected their Stripe account".into(),
            Self::TransfersInactive(_, Capability::Pending, _) => {
                "Stripe is still checking the mentor's account".into()
            }
            Self::TransfersInactive(_, _, why) => transfers_inactive(why.as_deref()),
            Self::FeeConflict(why) => why.clone(),
            Self::BelowMinimum(currency, due, least) => {
                format!("{} is under the minimum of {}", currency.display(*due), currency.display(*least))
            }
            Self::OtherSettlement(settled, charged) => {
                format!("charged in {charged}, settled in {settled}")
            }
            Self::InFlight => "the transfer is under way".into(),
            Self::Transferred => "already transferred".into(),
            Self::Carried => "too small to be sent alone: it is kept, and goes out with a later payment".into(),
            Self::Netted => "all of it went towards what the mentor owes".into(),
            Self::FailedForGood => "Stripe refused the transfer; mend the cause, then payoutd retry".into(),
        }
    }

    /// Whether it is the mentor who can change it, by setting up their account.
    pub fn is_for_mentor(&self) -> bool {
        matches!(self, Self::NoAccount(_) | Self::TransfersInactive(..) | Self::AccountDisconnected(_))
    }
}

fn held(hold: &Hold) -> String {
    let on = match hold.subject {
        Subject::Payment(_) => "on hold",
        Subject::Mentor(_) => "the mentor is on hold",
    };
    match hold.source {
        HoldSource::Admin => format!("{on} by {}: {}", hold.actor, hold.reason),
        HoldSource::Stripe | HoldSource::Automation => format!("{on}: {}", hold.reason),
    }
}

fn transfers_inactive(why: Option<&str>) -> String {
    let base = "the mentor's Stripe account may not receive transfers";
    match why {
        Some(why) => format!("{base} ({})", why.replace(['_', '.'], " ")),
        None => format!("{base}: onboarding is not complete"),
    }
}

/// The reasons' codes with commas between, as stored.
pub fn codes(reasons: &[Reason]) -> String {
    reasons.iter().map(Reason::code).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::Reason;

    /// The compiler sees to it that every reason has a code, and this that every code is known.
    #[test]
    fn every_code_is_listed() {
        let source = include_str!("reason.rs").split("pub fn sentence").next().unwrap_or_default();
        let named = source.split(" => \"").skip(1).filter_map(|rest| rest.split('"').next());
        let mut named: Vec<&str> = named.collect();
        let mut listed = Reason::CODES.to_vec();
        named.sort_unstable();
        listed.sort_unstable();
        assert!(named.len() > 20, "reads the wrong lines: {named:?}");
        assert_eq!(named, listed);
    }
}
