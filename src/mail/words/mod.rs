//! The words of every email, one function for each kind of notice. No layout and no escaping happens here.

mod after;
mod asked;
mod audit;
mod breaker;
mod commands;
mod disputes;
mod failed;
mod held;
mod mentor;
mod standing;
mod unread;
mod withdrawal;

use crate::domain::notice::{Notice, PaymentBrief};

use super::lists::{self, Line, Reader};
use super::render::Voice;
use super::story::{Block, Story};

/// What an email about these notices says. The first one's kind is the email's; `None` when there is none, or when
/// one of another kind is among them.
pub fn story(notices: &[Notice], voice: &Voice) -> Option<Story> {
    let kind = notices.first()?;
    if notices.iter().any(|notice| notice.kind() != kind.kind()) {
        return None;
    }
    Some(match kind {
        Notice::Paid { .. } => mentor::paid(notices, voice),
        Notice::Carried { .. } => after::carried(notices, voice),
        Notice::KeptLess { .. } => after::kept_less(notices, voice),
        Notice::Netted { .. } => after::netted(notices, voice),
        Notice::OnHold { .. } => mentor::on_hold(notices, voice),
        Notice::NotPaid { .. } => mentor::not_paid(notices, voice),
        Notice::TakenBack { .. } => after::taken_back(notices, voice),
        Notice::PaidAgain { .. } => after::paid_again(notices, voice),
        Notice::Owed { .. } => after::owed(notices, voice),
        Notice::DebtRecorded { .. } => after::debt_recorded(notices, voice),
        Notice::Unsettled { .. } => after::unsettled(notices, voice),
        Notice::Refunded { .. } => asked::refunded(notices, voice),
        Notice::NotCharged { .. } => asked::not_charged(notices, voice),
        Notice::CustomerRefunded { .. } => asked::customer_refunded(notices, voice),
        Notice::RefundFailed { .. } => asked::refund_failed(notices, voice),
        Notice::CaptureFailed { .. } => asked::capture_failed(notices, voice),
        Notice::AuthorizationExpiring { .. } => asked::authorization_expiring(notices, voice),
        Notice::AuthorizationCanceled { .. } => asked::authorization_canceled(notices, voice),
        Notice::PaymentFailed { .. } => failed::payment_failed(notices, voice),
        Notice::OutcomeUnknown { .. } => failed::outcome_unknown(notices, voice),
        Notice::PaidDespite { .. } => failed::paid_despite(notices, voice),
        Notice::BreakerOpened { .. } => breaker::opened(notices, voice),
        Notice::FundsShort { .. } => breaker::funds_short(notices, voice),
        Notice::Unassigned { .. } => held::unassigned(notices, voice),
        Notice::NeedsAttention { .. } => held::needs_attention(notices, voice),
        Notice::MentorHeld { .. } => held::mentor_held(notices, voice),
        Notice::EventUnreadable { .. } => unread::event_unreadable(notices, voice),
        Notice::AuditDifference { .. } => audit::difference(notices, voice),
        Notice::Discrepancies { .. } => audit::discrepancies(notices, voice),
        Notice::Dispute(_) => disputes::turned(notices, voice),
        Notice::PlatformLimit(_) => standing::near_limit(notices, voice),
        Notice::Digest(_) => standing::digest(notices, voice),
        Notice::Withdrawal { .. } => withdrawal::story(notices, voice),
        Notice::AccountTrouble { .. } => withdrawal::account_trouble(notices, voice),
    })
}

/// An email to the admins.
fn to_admin(voice: &Voice, subject: String, blocks: Vec<Block>) -> Story {
    let footer = format!("payoutd wrote this to the people who run payments at {}.", voice.platform_name);
    Story { subject, greeting: None, blocks, footer }
}

/// `90.00 USD to Ada Mentor for booking B-17`.
fn what(payment: &PaymentBrief) -> String {
    format!("{}{}{}", lists::amount(payment), to_mentor(payment), for_booking(payment))
}

/// ` for booking B-17`, or nothing.
fn for_booking(payment: &PaymentBrief) -> String {
    lists::booking(payment).map(|id| format!(" for booking {id}")).unwrap_or_default()
}

/// ` to Ada Mentor`, or nothing.
fn to_mentor(payment: &PaymentBrief) -> String {
    lists::mentor(payment).map(|name| format!(" to {name}")).unwrap_or_default()
}

/// ` (90.00 USD and 45.00 EUR)`, or nothing where that would be too long.
fn sums(notices: &[Notice]) -> String {
    let totals = lists::totals_in_words(notices.iter().filter_map(Notice::payment));
    totals.map(|totals| format!(" ({totals})")).unwrap_or_default()
}

/// `3 payments`.
fn count(notices: &[Notice]) -> String {
    match lists::count(notices.iter().filter_map(Notice::payment)) {
        1 => "1 payment".into(),
        n => format!("{n} payments"),
    }
}

/// `1 payment is held`, `3 payments are held`: one payment may have several notices.
fn counted(notices: &[Notice], one: &str, many: &str) -> String {
    let says = if lists::count(notices.iter().filter_map(Notice::payment)) == 1 { one } else { many };
    format!("{} {says}", count(notices))
}

/// The payments as a table, each with what is to be said of it alone.
fn table(notices: &[Notice], reader: Reader, voice: &Voice) -> Block {
    let lines: Vec<Line<'_>> = notices.iter().filter_map(line).collect();
    Block::List(lists::table(&lines, reader, voice.time_zone))
}

/// A line with something to say of it alone.
fn noted<'a>(payment: &'a PaymentBrief, note: &'a str) -> Line<'a> {
    Line { payment, at: None, note: Some(note) }
}

fn line(notice: &Notice) -> Option<Line<'_>> {
    let (at, note) = match notice {
        Notice::Paid { at, .. } => (Some(*at), None),
        Notice::OutcomeUnknown { since, .. } => (Some(*since), None),
        Notice::AuthorizationExpiring { at, why, .. } => (Some(*at), Some(why.as_str())),
        Notice::PaymentFailed { why, .. }
        | Notice::Unassigned { why, .. }
        | Notice::NeedsAttention { why, .. }
        | Notice::PaidDespite { why, .. }
        | Notice::TakenBack { why, .. }
        | Notice::KeptLess { why, .. }
        | Notice::Owed { why, .. }
        | Notice::DebtRecorded { why, .. }
        | Notice::Unsettled { why, .. }
        | Notice::RefundFailed { why, .. }
        | Notice::CaptureFailed { why, .. }
        | Notice::AuthorizationCanceled { why, .. } => (None, Some(why.as_str())),
        _ => (None, None),
    };
    Some(Line { payment: notice.payment()?, at, note })
}
