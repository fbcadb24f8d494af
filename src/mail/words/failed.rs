//! What admins are told of transfers that failed, that are unclear, or that should perhaps not have gone out.

use crate::domain::ids::PaymentId;
use crate::domain::notice::{Notice, PaymentBrief};
use crate::mail::lists::{Reader, amount, facts, time};
use crate::mail::render::Voice;
use crate::mail::story::{Block, Story};
use crate::mail::text::{one_line, sentence};

use super::{commands, count, counted, sums, table, to_admin, to_mentor, what};

/// Stripe refused a transfer for good.
pub fn payment_failed(notices: &[Notice], voice: &Voice) -> Story {
    let first = first(notices);
    let (subject, mut blocks) = match notices {
        [Notice::PaymentFailed { payment, why, code, attempts }] => {
            let subject = format!("Payment {first} failed: Stripe refused to send {}", short(payment));
            let lead = format!("Stripe refused the transfer of {}{}.", what(payment), after(*attempts));
            let mut known = facts(payment, Reader::Admin);
            known.extend(Some(("Stripe's code", one_line(code, 80))).filter(|(_, code)| !code.is_empty()));
            (subject, vec![Block::say(lead), Block::Facts(known), Block::say("In Stripe's words:"), quote(why)])
        }
        _ => {
            let subject = format!("{} failed: Stripe refused the transfers{}", count(notices), sums(notices));
            let lead = format!("Stripe refused to send {}. Its words stand under each payment.", count(notices));
            (subject, vec![Block::say(lead), table(notices, Reader::Admin, voice)])
        }
    };
    blocks.push(Block::say(
        "The money is still in the platform's Stripe balance, and payoutd will not try again until someone says so. \
         Mend the cause first, then say so:",
    ));
    blocks.push(commands::block([commands::explain(first), commands::retry(first)]));
    to_admin(voice, subject, blocks)
}

/// Nobody knows whether a transfer happened.
pub fn outcome_unknown(notices: &[Notice], voice: &Voice) -> Story {
    let first = first(notices);
    let (subject, asked, list) = match notices {
        [Notice::OutcomeUnknown { payment, operation_id, since }] => {
            let mut known = facts(payment, Reader::Admin);
            known.extend([("Asked", time(*since, voice.time_zone)), ("Operation", format!("no. {operation_id}"))]);
            let subject = format!("Unclear whether payment {first} was sent: {}", short(payment));
            (subject, what(payment), Block::Facts(known))
        }
        _ => {
            let sent = counted(notices, "was sent", "were sent");
            (format!("Unclear whether {sent}{}", sums(notices)), count(notices), table(notices, Reader::Admin, voice))
        }
    };
    let operation = |notice: &Notice| match notice {
        Notice::OutcomeUnknown { operation_id, .. } => Some(*operation_id),
        _ => None,
    };
    let resolve = notices.iter().find_map(operation).map(commands::resolve);
    let lead = format!(
        "payoutd asked Stripe to send {asked}, and has not learned whether that happened: no answer came, or none that \
         could be read."
    );
    let blocks = vec![
        Block::say(lead),
        list,
        Block::say(
            "payoutd keeps asking, and sends nothing anew before it is proven that the first request did nothing. \
             Please do not pay by hand meanwhile: the mentor could be paid twice.",
        ),
        Block::say(
            "Usually there is nothing to do but wait. https://status.stripe.com says whether Stripe has trouble; and \
             this is how to see how far payoutd has come, and how to have it looked for at once:",
        ),
        commands::block([commands::explain(first)].into_iter().chain(resolve)),
    ];
    to_admin(voice, subject, blocks)
}

/// A transfer went out although something spoke against it.
pub fn paid_despite(notices: &[Notice], voice: &Voice) -> Story {
    let first = first(notices);
    let (subject, mut blocks) = match notices {
        [Notice::PaidDespite { payment, why }] => {
            let lead = format!(
                "payoutd sent {}. The transfer was already on its way when it became known that something speaks \
                 against it:",
                what(payment)
            );
            let known = Block::Facts(facts(payment, Reader::Admin));
            let subject = format!("Payment {first} was sent, perhaps wrongly: {}", short(payment));
            (subject, vec![Block::say(lead), reason(why), known])
        }
        _ => {
            let lead = format!(
                "payoutd sent {}, already on their way when it became known that something speaks against them. What \
                 it is stands under each payment.",
                count(notices)
            );
            let sent = counted(notices, "was sent, perhaps wrongly", "were sent, perhaps wrongly");
            (format!("{sent}{}", sums(notices)), vec![Block::say(lead), table(notices, Reader::Admin, voice)])
        }
    };
    blocks.push(Block::say(
        "The money is in the mentor's Stripe account. Someone has to decide: leave it there, or take it back by \
         reversing the transfer in Stripe's dashboard. payoutd leaves that to you. To see all that happened:",
    ));
    blocks.push(commands::block([commands::explain(first)]));
    to_admin(voice, subject, blocks)
}

/// `90.00 USD to Ada Mentor`, for subjects.
fn short(payment: &PaymentBrief) -> String {
    format!("{}{}", amount(payment), to_mentor(payment))
}

/// The number to show in an example command. Every notice that comes here names a payment.
pub fn first(notices: &[Notice]) -> PaymentId {
    notices.iter().find_map(Notice::payment).map_or(PaymentId(0), |payment: &PaymentBrief| payment.payment_id)
}

/// Our own words for a reason, on a line of their own.
pub fn reason(why: &str) -> Block {
    quote(&sentence(&one_line(why, 600)))
}

/// Somebody else's words, on a line of their own.
pub fn quote(why: &str) -> Block {
    let why = one_line(why, 600);
    Block::Quote(if why.is_empty() { "(no reason was given)".into() } else { why })
}

fn after(attempts: u32) -> String {
    match attempts {
        0 => String::new(),
        1 => " at the first attempt".into(),
        n => format!(" after {n} attempts"),
    }
}
