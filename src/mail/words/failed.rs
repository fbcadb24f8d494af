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
    if let [Notice::PaymentFailed { payment, why, code, attempts }] = notices {
        let short = format!("{}{}", amount(payment), to_mentor(payment));
        let subject = format!("Payment {first} failed: Stripe refused to send {short}");
        let lead = format!(
            "Stripe refused the transfer of {}{}. payoutd will not try again until someone says so. The money is \
             still in the platform's Stripe balance.",
            what(payment),
            after(*attempts),
        );
        let mut known = facts(payment, Reader::Admin);
        known.extend(Some(("Stripe's code", one_line(code, 80))).filter(|(_, code)| !code.is_empty()));
        let blocks = vec![
            Block::say(lead),
            Block::Facts(known),
            Block::say("In Stripe's words:"),
            quote(why),
            Block::say("Mend the cause first, then let payoutd try again:"),
            commands::block([commands::explain(first), commands::retry(first)]),
        ];
        return to_admin(voice, subject, blocks);
    }
    let subject = format!("{} failed: Stripe refused the transfers{}", count(notices), sums(notices));
    let blocks = vec![
        Block::say(format!(
            "Stripe refused the transfers of {}. payoutd will not try them again until someone says so. The money is \
             still in the platform's Stripe balance. Stripe's words stand under each payment.",
            count(notices)
        )),
        table(notices, Reader::Admin),
        Block::say("Mend the causes first, then let payoutd try again, each payment by its number:"),
        commands::block([commands::explain(first), commands::retry(first)]),
    ];
    to_admin(voice, subject, blocks)
}

/// Nobody knows whether a transfer happened.
pub fn outcome_unknown(notices: &[Notice], voice: &Voice) -> Story {
    let first = first(notices);
    let patience = Block::say(
        "payoutd keeps asking, and sends nothing anew before it is proven that the first request did nothing. Please \
         do not pay by hand meanwhile: the mentor could be paid twice.",
    );
    let see = Block::say(
        "Usually there is nothing to do but wait. https://status.stripe.com says whether Stripe has trouble; and this \
         is how to see how far payoutd has come:",
    );
    if let [Notice::OutcomeUnknown { payment, operation_id, since }] = notices {
        let short = format!("{}{}", amount(payment), to_mentor(payment));
        let mut known = facts(payment, Reader::Admin);
        known.extend([("Asked", time(*since)), ("Operation", format!("no. {operation_id}"))]);
        let lead = format!(
            "payoutd asked Stripe to send {}, and has not learned whether that happened: no answer came, or none that \
             could be read.",
            what(payment)
        );
        let explain = commands::block([commands::explain(first)]);
        let blocks = vec![Block::say(lead), Block::Facts(known), patience, see, explain];
        return to_admin(voice, format!("Unclear whether payment {first} was sent: {short}"), blocks);
    }
    let subject = format!("Unclear whether {}{}", counted(notices, "was sent", "were sent"), sums(notices));
    let lead = format!(
        "payoutd asked Stripe to send {}, and has not learned whether that happened: no answers came, or none that \
         could be read.",
        count(notices)
    );
    let explain = commands::block([commands::explain(first)]);
    let blocks = vec![Block::say(lead), table(notices, Reader::Admin), patience, see, explain];
    to_admin(voice, subject, blocks)
}

/// A transfer went out although something spoke against it.
pub fn paid_despite(notices: &[Notice], voice: &Voice) -> Story {
    let first = first(notices);
    let decide = |it: &str| {
        Block::say(format!(
            "The money is in the mentor's Stripe account. Someone has to decide: leave it there, or take it back by \
             reversing the transfer in Stripe's dashboard. payoutd leaves that to you. To see {it}:"
        ))
    };
    if let [Notice::PaidDespite { payment, why }] = notices {
        let short = format!("{}{}", amount(payment), to_mentor(payment));
        let lead = format!(
            "payoutd sent {}. The transfer was already on its way when it became known that something speaks against \
             it:",
            what(payment)
        );
        let blocks = vec![
            Block::say(lead),
            reason(why),
            Block::Facts(facts(payment, Reader::Admin)),
            decide("all that happened"),
            commands::block([commands::explain(first)]),
        ];
        return to_admin(voice, format!("Payment {first} was sent, perhaps wrongly: {short}"), blocks);
    }
    let lead = format!(
        "{}. The transfers were already on their way when it became known that something speaks against them; what \
         it is stands under each payment.",
        counted(notices, "was sent", "were sent")
    );
    let explain = commands::block([commands::explain(first)]);
    let list = table(notices, Reader::Admin);
    let blocks = vec![Block::say(lead), list, decide("all that happened to a payment"), explain];
    let subject = counted(notices, "was sent, perhaps wrongly", "were sent, perhaps wrongly");
    to_admin(voice, format!("{subject}{}", sums(notices)), blocks)
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
