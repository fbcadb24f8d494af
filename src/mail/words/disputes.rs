//! What admins, mentors and customers are told of disputes.

use chrono::{DateTime, Utc};

use crate::domain::dispute_news::{Audience, DisputeBrief, MentorMoney, Turn};
use crate::domain::notice::{Notice, PaymentBrief};
use crate::mail::lists::{self, Line, Reader, amount, booking, mentor, time};
use crate::mail::render::Voice;
use crate::mail::story::{Block, Story};
use crate::mail::text::{one_line, sentence};

use super::asked::to_customer;
use super::failed::first;
use super::mentor::{letter, question};
use super::{commands, count, for_booking, noted, sums, to_admin};

/// A dispute took a turn.
pub fn turned(notices: &[Notice], voice: &Voice) -> Story {
    let disputes: Vec<&DisputeBrief> = notices.iter().filter_map(dispute).collect();
    match disputes.first().map(|dispute| dispute.audience) {
        Some(Audience::Mentor) => for_mentor(notices, &disputes, voice),
        Some(Audience::Customer) => acknowledged(notices, voice),
        _ => for_admin(notices, &disputes, voice),
    }
}

fn dispute(notice: &Notice) -> Option<&DisputeBrief> {
    match notice {
        Notice::Dispute(dispute) => Some(dispute),
        _ => None,
    }
}

fn for_admin(notices: &[Notice], disputes: &[&DisputeBrief], voice: &Voice) -> Story {
    let number = first(notices);
    let is_end = disputes.iter().all(|dispute| dispute.turn.is_end());
    let (subject, mut blocks) = match disputes {
        [dispute] => one_for_admin(dispute, voice),
        _ if is_end => {
            let lead = format!("Disputes about {} are over. How each ended stands under it.", count(notices));
            (
                format!("Disputes about {} are over{}", count(notices), sums(notices)),
                vec![Block::say(lead), table(disputes, Reader::Admin, voice)],
            )
        }
        _ => {
            let lead =
                format!("Customers dispute {} with their banks. What is asked stands under each.", count(notices));
            (
                format!("{} are disputed{}", count(notices), sums(notices)),
                vec![Block::say(lead), table(disputes, Reader::Admin, voice)],
            )
        }
    };
    if !is_end {
        blocks.push(Block::say(
            "Answer it in Stripe's dashboard (Payments, Disputes), with what shows that the session took place. What is not \
             answered in time is lost. To see the payment and all that happened:",
        ));
    }
    blocks.push(commands::block([commands::explain(number)]));
    to_admin(voice, subject, blocks)
}

fn one_for_admin(dispute: &DisputeBrief, voice: &Voice) -> (String, Vec<Block>) {
    let payment = &dispute.payment;
    let (number, sum, what) = (payment.payment_id, amount(payment), for_booking(payment));
    let (subject, lead) = match dispute.turn {
        Turn::Inquiry => (
            format!("A bank asks about payment {number}: {sum}"),
            format!("A customer's bank asks about a payment of {sum}{what}. No money has moved yet."),
        ),
        Turn::Opened => (
            format!("Payment {number} is disputed: {sum}"),
            format!(
                "A customer disputes {sum}{what} with their bank, and Stripe has taken it from the platform's balance."
            ),
        ),
        Turn::Escalated => (
            format!("The inquiry about payment {number} became a dispute: {sum}"),
            format!(
                "What was an inquiry about {sum}{what} is a dispute now, and Stripe has taken the money from the platform's \
                 balance."
            ),
        ),
        Turn::Appealed => (
            format!("The dispute about payment {number} goes on: {sum}"),
            format!("What was decided about {sum}{what} has been appealed, and the dispute goes on."),
        ),
        Turn::Won => (
            format!("The dispute about payment {number} was won: {sum}"),
            format!("The dispute about {sum}{what} was won: the platform has the money back."),
        ),
        Turn::Lost => (
            format!("The dispute about payment {number} was lost: {sum}"),
            format!("The dispute about {sum}{what} was lost: the customer keeps the money."),
        ),
        Turn::InquiryClosed => (
            format!("The inquiry about payment {number} is closed: {sum}"),
            format!("The bank's inquiry about {sum}{what} ended without a dispute."),
        ),
        Turn::Prevented => (
            format!("A dispute of payment {number} was prevented: {sum}"),
            format!("A dispute about {sum}{what} was settled before it was opened."),
        ),
    };
    let mut blocks = vec![Block::say(lead), Block::Facts(facts(dispute, voice))];
    blocks.extend(dispute.money.map(|money| Block::say(money_for_admin(money))));
    (one_line(&subject, 160), blocks)
}

fn facts(dispute: &DisputeBrief, voice: &Voice) -> Vec<(&'static str, String)> {
    let payment = &dispute.payment;
    let mut facts = vec![("Disputed", amount(payment)), ("Reason", reason(dispute))];
    facts.extend(dispute.due_by.map(|at| ("Answer by", time(at, voice.time_zone))));
    facts.extend(booking(payment).map(|id| ("Booking", id)));
    facts.push(("Mentor", mentor(payment).unwrap_or_else(|| "nobody named".into())));
    facts.push(("Payment", format!("no. {}", payment.payment_id)));
    facts.extend(dispute.untold.as_deref().map(|who| ("Not told", one_line(who, 120))));
    facts
}

/// The customer's reason as people write it: `product_not_received`.
fn reason(dispute: &DisputeBrief) -> String {
    match one_line(&dispute.reason.replace('_', " "), 80) {
        reason if reason.is_empty() => "none was given".into(),
        reason => reason,
    }
}

fn money_for_admin(money: MentorMoney) -> &'static str {
    match money {
        MentorMoney::Held => "The mentor has not been paid, and payoutd sends nothing until it is over.",
        MentorMoney::Kept => {
            "The mentor was paid already. payoutd leaves the money with them, and takes their part back if the dispute is \
             lost."
        }
        MentorMoney::GoesBack => {
            "The mentor was paid already. payoutd takes their part back; what Stripe cannot take is on record as their debt."
        }
        MentorMoney::Gone => "The mentor was not paid for it, and will not be.",
        MentorMoney::Due => {
            "The mentor has not been paid yet: payoutd goes on with it, if nothing else speaks against it."
        }
        MentorMoney::Stays => "The mentor was paid, and keeps it.",
        MentorMoney::ComesBack => "Whatever payoutd took back from the mentor because of it, it sends them again.",
    }
}

fn for_mentor(notices: &[Notice], disputes: &[&DisputeBrief], voice: &Voice) -> Story {
    let (subject, mut blocks) = match disputes {
        [dispute] => one_for_mentor(dispute),
        _ => {
            let is_end = disputes.iter().all(|dispute| dispute.turn.is_end());
            let (subject, lead) = if is_end {
                (
                    "Disputes about your payments are over",
                    "Disputes about your payments are over. How each ended stands under it.",
                )
            } else {
                ("Some of your payments are disputed", "Customers dispute some of your payments with their banks:")
            };
            let subject = format!("{subject}{}", sums(notices));
            (subject, vec![Block::say(lead), table(disputes, Reader::Mentor, voice)])
        }
    };
    let alone = disputes.first().map(|dispute| &dispute.payment).filter(|_| disputes.len() == 1);
    if disputes.iter().any(|dispute| !dispute.turn.is_end()) {
        blocks.push(Block::say(
            "We answer the bank. If you have anything that shows that the session took place, such as messages or notes, \
             please send it to us soon.",
        ));
    }
    blocks.push(question(voice, alone));
    letter(notices, voice, subject, blocks)
}

fn one_for_mentor(dispute: &DisputeBrief) -> (String, Vec<Block>) {
    let payment = &dispute.payment;
    let what = for_booking(payment);
    let of = booking(payment).map_or("a payment".into(), |id| format!("the payment for booking {id}"));
    let (subject, lead) = match dispute.turn {
        Turn::Inquiry => (
            format!("A bank asks about your payment{what}"),
            format!("The bank of your customer asks about {of}. It is not a dispute, but may become one."),
        ),
        Turn::Opened | Turn::Appealed => (
            format!("Your payment{what} is disputed"),
            format!("Your customer disputes {of} with their bank. Until that is decided, the bank has the money."),
        ),
        Turn::Escalated => (
            format!("Your payment{what} is disputed"),
            format!("The bank's question about {of} became a dispute. Until that is decided, the bank has the money."),
        ),
        Turn::Won => (
            format!("The dispute about your payment{what} was won"),
            format!("Good news: the dispute about {of} was decided in our favour."),
        ),
        Turn::Lost => (
            format!("The dispute about your payment{what} was lost"),
            format!("The dispute about {of} was decided for your customer, who keeps the money."),
        ),
        Turn::InquiryClosed | Turn::Prevented => (
            format!("The question about your payment{what} is settled"),
            format!("Good news: what the bank asked about {of} is settled, and there is no dispute."),
        ),
    };
    let known = Block::Facts(lists::facts(payment, Reader::Mentor));
    let next = dispute.money.map(|money| Block::say(money_for_mentor(money, payment)));
    (subject, [Block::say(lead), known].into_iter().chain(next).collect())
}

fn money_for_mentor(money: MentorMoney, payment: &PaymentBrief) -> String {
    let sum = amount(payment);
    match money {
        MentorMoney::Held => format!("Your {sum} wait until it is over. We write to you then."),
        MentorMoney::Kept => {
            format!(
                "You were paid {sum} for it already, and keep them for now. If the dispute is lost, we have to take back \
                what belongs to it. We write to you when it is over."
            )
        }
        MentorMoney::GoesBack => {
            "You were paid for it already, and we have to take back what belongs to it. We write to you when that has \
             happened, with the amount."
                .into()
        }
        MentorMoney::Gone => format!("The {sum} that were waiting for you cannot be paid out."),
        MentorMoney::Due => format!("Your {sum} go out when they are due; you need not do anything."),
        MentorMoney::Stays => "What you were paid for it is yours.".into(),
        MentorMoney::ComesBack => {
            "If we took anything back because of it, we send it to you again, and write to you then.".into()
        }
    }
}

/// The customer's dispute has arrived.
fn acknowledged(notices: &[Notice], voice: &Voice) -> Story {
    let payment = notices.iter().find_map(Notice::payment);
    let what = payment.map_or("your payment".into(), |payment| {
        format!("your payment of {}{}", amount(payment), for_booking(payment))
    });
    let blocks = vec![
        Block::say(format!("Your bank has told us that you dispute {what}.")),
        Block::say(
            "Your bank decides about it, and will tell you. That usually takes some weeks. If it was a mistake, or we can \
             settle it between us, please write to us.",
        ),
    ];
    to_customer(notices, voice, format!("Your bank told us about {what}"), blocks)
}

/// Several under each other, each with what there is to know of it.
fn table(disputes: &[&DisputeBrief], reader: Reader, voice: &Voice) -> Block {
    let notes: Vec<String> = disputes.iter().map(|dispute| note(dispute, reader, voice)).collect();
    let lines: Vec<Line<'_>> =
        disputes.iter().zip(&notes).map(|(dispute, note)| noted(&dispute.payment, note)).collect();
    Block::List(lists::table(&lines, reader, voice.time_zone))
}

fn note(dispute: &DisputeBrief, reader: Reader, voice: &Voice) -> String {
    let turn = match dispute.turn {
        Turn::Inquiry => "the bank asks",
        Turn::Opened => "disputed",
        Turn::Escalated => "the inquiry became a dispute",
        Turn::Appealed => "appealed",
        Turn::Won => "won",
        Turn::Lost => "lost",
        Turn::InquiryClosed => "the inquiry is closed",
        Turn::Prevented => "prevented",
    };
    if reader == Reader::Mentor {
        let next = dispute.money.map_or(String::new(), |money| money_for_mentor(money, &dispute.payment));
        return format!("{} {next}", sentence(turn)).trim().to_owned();
    }
    let by = |at: DateTime<Utc>| format!("; answer by {}", time(at, voice.time_zone));
    let untold = dispute.untold.as_deref().map(|who| format!("; not told: {who}"));
    format!("{turn}: {}{}{}", reason(dispute), dispute.due_by.map(by).unwrap_or_default(), untold.unwrap_or_default())
}
