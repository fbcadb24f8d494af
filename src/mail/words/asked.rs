//! What customers, mentors and admins are told of refunds that were asked for, and of authorised payments.

use crate::domain::money::MinorUnits;
use crate::domain::notice::{Notice, PaymentBrief};
use crate::mail::lists::{Reader, amount, facts, time};
use crate::mail::render::Voice;
use crate::mail::story::{Block, Command, Story};
use crate::mail::text::one_line;

use super::failed::{first, reason};
use super::mentor::{letter, question};
use super::{commands, count, for_booking, sums, table, to_admin};

/// A customer has their money back.
pub fn refunded(notices: &[Notice], voice: &Voice) -> Story {
    let next = "It goes back to where you paid from. Your bank usually needs five to ten business days to show it.";
    let lead = format!("We have refunded {}.", customers_sums(notices));
    let subject = format!("Your refund of {}", customers_sums(notices));
    to_customer(notices, voice, subject, vec![Block::say(lead), Block::say(next)])
}

/// What was reserved is free again.
pub fn not_charged(notices: &[Notice], voice: &Voice) -> Story {
    let sum = customers_sums(notices);
    let lead = format!("You have not been charged: we have released {sum} that was reserved for your payment.");
    let next = "Your bank usually needs a few days until it no longer shows the amount as reserved.";
    to_customer(notices, voice, "You have not been charged".into(), vec![Block::say(lead), Block::say(next)])
}

/// A customer was refunded before the mentor was paid.
pub fn customer_refunded(notices: &[Notice], voice: &Voice) -> Story {
    let mut blocks = Vec::new();
    let subject = match notices {
        [Notice::CustomerRefunded { payment, left }] => {
            blocks.push(Block::say(format!(
                "A customer got {} back{}, before the payment was sent to you. {}",
                amount(payment),
                for_booking(payment),
                left_in_words(*left, payment)
            )));
            format!("A customer was refunded{}", for_booking(payment))
        }
        _ => {
            blocks.push(Block::say(format!(
                "Customers got money back of {}, before it was sent to you.",
                count(notices)
            )));
            blocks.push(table(notices, Reader::Mentor, voice));
            format!("Customers were refunded{}", sums(notices))
        }
    };
    let alone = notices.first().and_then(Notice::payment).filter(|_| notices.len() == 1);
    blocks.extend([Block::say("You need not do anything."), question(voice, alone)]);
    letter(notices, voice, subject, blocks)
}

fn left_in_words(left: MinorUnits, payment: &PaymentBrief) -> String {
    if left == MinorUnits::ZERO {
        return "There is nothing left of it for you.".into();
    }
    format!("What is left for you is {}.", payment.currency.display(left))
}

/// A refund that was asked for cannot be made.
pub fn refund_failed(notices: &[Notice], voice: &Voice) -> Story {
    let number = first(notices);
    let (subject, mut blocks) = match notices {
        [Notice::RefundFailed { payment, request, why }] => {
            let sum = amount(payment);
            let lead = format!("Refund request {request} asks for {sum}, and payoutd could not make it:");
            let subject = format!("A refund of payment {number} needs a person: {sum}");
            (subject, vec![Block::say(lead), reason(why), Block::Facts(about(payment))])
        }
        _ => {
            let lead = format!("payoutd could not make refunds of {}. Why stands under each.", count(notices));
            let subject = format!("Refunds of {} need a person{}", count(notices), sums(notices));
            (subject, vec![Block::say(lead), table(notices, Reader::Admin, voice)])
        }
    };
    blocks.push(Block::say(
        "Nothing went back to the customer by this request. If they are owed something, ask again with what is right, or \
         refund the charge in Stripe's dashboard: payoutd sees that, and pays the mentor only their part of what is left. \
         Where Stripe itself refused or failed, the payment is held until somebody lifts the hold. Should the bank not \
         take it back at all, send the customer the money another way, and say so when you lift the hold.",
    ));
    blocks.push(commands::block([commands::explain(number), refund_again(number), lift(number)]));
    to_admin(voice, subject, blocks)
}

/// An authorised payment could not be captured.
pub fn capture_failed(notices: &[Notice], voice: &Voice) -> Story {
    let number = first(notices);
    let next = "payoutd tries again until the authorisation runs out. If it never succeeds, the customer has had a session \
        that is not paid: ask them to pay anew.";
    let say = |sum: &str| format!("Payment {number} could not be captured: {sum}");
    about_authorizations(notices, voice, "could not be captured", say, next)
}

/// An authorisation is about to run out.
pub fn authorization_expiring(notices: &[Notice], voice: &Voice) -> Story {
    let number = first(notices);
    let next = "When it has run out, the customer's bank lets go of the money, and nobody is paid. If the session took \
        place, say so now: payoutd captures the payment then. What is flagged or held by the end is let go of.";
    let say = |sum: &str| format!("The authorisation of payment {number} is about to run out: {sum}");
    about_authorizations(notices, voice, "is authorised, not captured, and about to run out", say, next)
}

/// An authorisation was let go of.
pub fn authorization_canceled(notices: &[Notice], voice: &Voice) -> Story {
    let number = first(notices);
    let next = "The customer was not charged, and the mentor gets nothing for it. If the session is to be paid after all, the \
        customer has to pay anew.";
    let say = |sum: &str| format!("Payment {number} was let go of, not captured: {sum}");
    about_authorizations(notices, voice, "was let go of before it ran out", say, next)
}

fn about_authorizations(
    notices: &[Notice],
    voice: &Voice,
    what: &str,
    subject: impl Fn(&str) -> String,
    next: &str,
) -> Story {
    let number = first(notices);
    let alone = notices.first().and_then(Notice::payment).filter(|_| notices.len() == 1);
    let (subject, mut blocks) = match alone {
        Some(payment) => {
            let sum = amount(payment);
            let mut known = about(payment);
            if let Some(Notice::AuthorizationExpiring { at, .. }) = notices.first() {
                known.push(("Runs out", time(*at, voice.time_zone)));
            }
            let why = notices.iter().filter_map(why).map(reason);
            let lead = Block::say(format!("A customer's payment of {sum}{} {what}:", for_booking(payment)));
            (subject(&sum), std::iter::once(lead).chain(why).chain([Block::Facts(known)]).collect())
        }
        None => {
            let lead = Block::say(format!("Each of {} {what}. Why stands under it.", count(notices)));
            let subject = format!("{}: each {what}", count(notices));
            (one_line(&subject, 120), vec![lead, table(notices, Reader::Admin, voice)])
        }
    };
    blocks.push(Block::say(next));
    // Only what is still authorised can be captured by saying so.
    let expiring = matches!(notices.first(), Some(Notice::AuthorizationExpiring { .. }));
    let complete = expiring.then(|| complete(number));
    blocks.push(commands::block([commands::explain(number)].into_iter().chain(complete)));
    to_admin(voice, subject, blocks)
}

fn why(notice: &Notice) -> Option<&str> {
    match notice {
        Notice::CaptureFailed { why, .. }
        | Notice::AuthorizationExpiring { why, .. }
        | Notice::AuthorizationCanceled { why, .. } => Some(why),
        _ => None,
    }
}

/// The amount is the customer's here, not the mentor's.
fn about(payment: &PaymentBrief) -> Vec<(&'static str, String)> {
    let mut known = facts(payment, Reader::Admin);
    known[0].0 = "Amount";
    known
}

fn refund_again(payment: crate::domain::ids::PaymentId) -> Command {
    let does = "asks for a refund of it; without --amount for all that is left";
    Command::new(format!("payoutd refund --amount … --reason '…' {payment}"), does)
}

fn lift(payment: crate::domain::ids::PaymentId) -> Command {
    Command::new(format!("payoutd lift --reason '…' {payment}"), "lifts the hold, once the customer has what is theirs")
}

fn complete(payment: crate::domain::ids::PaymentId) -> Command {
    Command::new(format!("payoutd complete {payment}"), "says that its session took place")
}

/// `50.00 USD for booking B-17`.
fn customers_sums(notices: &[Notice]) -> String {
    match notices.iter().filter_map(Notice::payment).collect::<Vec<_>>()[..] {
        [payment] => format!("{}{}", amount(payment), for_booking(payment)),
        _ => format!("{}{}", count(notices), sums(notices)),
    }
}

pub(super) fn to_customer(notices: &[Notice], voice: &Voice, subject: String, mut blocks: Vec<Block>) -> Story {
    let name = notices.iter().find_map(|notice| match notice {
        Notice::Refunded { customer, .. } | Notice::NotCharged { customer, .. } => customer.as_deref(),
        Notice::Dispute(dispute) => dispute.customer.as_deref(),
        _ => None,
    });
    let name = name.map(|name| one_line(name, 60)).filter(|name| !name.is_empty());
    let greeting = Some(name.map_or("Hello,".into(), |name| format!("Hello {name},")));
    blocks.push(question(voice, notices.first().and_then(Notice::payment)));
    let footer = format!("{} sent you this because you paid for a session there.", voice.platform_name);
    Story { subject, greeting, blocks, footer }
}
