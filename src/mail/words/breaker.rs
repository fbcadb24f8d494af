//! What admins are told when nothing can be sent at all: Stripe refuses or fails, or the balance is too short.

use chrono::{DateTime, Utc};

use crate::domain::notice::Notice;
use crate::mail::lists::{ROWS_MAX, Reader, amount, facts, time};
use crate::mail::render::Voice;
use crate::mail::story::{Block, Column, Row, Story, Table};
use crate::mail::text::one_line;

use super::failed::{first, quote};
use super::{commands, count, sums, table, to_admin, to_mentor, what};

/// No transfer is tried until something is mended.
pub fn opened(notices: &[Notice], voice: &Voice) -> Story {
    let mut happened: Vec<(DateTime<Utc>, &str)> = notices.iter().filter_map(opening).collect();
    happened.sort();
    let mut blocks = match happened.as_slice() {
        [(at, why)] => {
            let lead =
                format!("payoutd has stopped sending payments. The reason, since {}:", time(*at, voice.time_zone));
            vec![Block::say(lead), quote(why)]
        }
        many => {
            let lead = format!("payoutd stopped sending payments {} times:", many.len());
            vec![Block::say(lead), Block::List(timeline(many, voice))]
        }
    };
    blocks.extend(WHAT_TO_DO.map(Block::say));
    blocks.push(commands::block([commands::status()]));
    let last = one_line(happened.last().map_or("", |(_, why)| why), 90);
    to_admin(voice, format!("payoutd stopped sending payments: {}", last.trim_end_matches('.')), blocks)
}

const WHAT_TO_DO: [&str; 2] = [
    "No payment is lost, and none has used up an attempt. payoutd asks again from time to time, and goes on by itself \
     once Stripe answers as it should.",
    "If Stripe refuses the key, check that STRIPE_SECRET_KEY holds a valid key of the right account and mode (test or \
     live), and restart payoutd. If Stripe itself has trouble, https://status.stripe.com says so, and there is \
     nothing to do but wait.",
];

fn opening(notice: &Notice) -> Option<(DateTime<Utc>, &str)> {
    match notice {
        Notice::BreakerOpened { why, at } => Some((*at, why)),
        _ => None,
    }
}

fn timeline(happened: &[(DateTime<Utc>, &str)], voice: &Voice) -> Table {
    let row = |(at, why): &(DateTime<Utc>, &str)| Row {
        cells: vec![time(*at, voice.time_zone)],
        note: Some(one_line(why, 300)),
    };
    Table {
        columns: vec![Column { title: "When".to_owned(), right: false }],
        rows: happened.iter().take(ROWS_MAX).map(row).collect(),
        more: happened.len().saturating_sub(ROWS_MAX),
        totals: Vec::new(),
    }
}

/// The platform's balance was too short.
pub fn funds_short(notices: &[Notice], voice: &Voice) -> Story {
    let first = first(notices);
    let next = Block::say(
        "Nothing failed: payoutd tries again by itself, and this uses up no attempt. Money from customers often needs \
         a few days before Stripe lets it go; if that is too long, add funds to the balance in Stripe's dashboard, in \
         the payment's currency.",
    );
    let (subject, lead, list) = match notices {
        [Notice::FundsShort { payment }] => {
            let short = format!("{}{}", amount(payment), to_mentor(payment));
            let lead = format!(
                "The platform's Stripe balance was too short to send {}. Other payments in the same currency may be \
                 waiting too.",
                what(payment)
            );
            let list = Block::Facts(facts(payment, Reader::Admin));
            (format!("The Stripe balance is too short to send {short}"), lead, list)
        }
        _ => {
            let lead = format!("The platform's Stripe balance was too short to send {}.", count(notices));
            let subject = format!("The Stripe balance is too short for {}{}", count(notices), sums(notices));
            (subject, lead, table(notices, Reader::Admin, voice))
        }
    };
    let blocks = vec![Block::say(lead), list, next, commands::block([commands::explain(first), commands::status()])];
    to_admin(voice, subject, blocks)
}
