//! What admins are told of payments and mentors that are held until a person settles something.

use std::collections::BTreeSet;

use crate::domain::ids::MentorId;
use crate::domain::notice::Notice;
use crate::mail::lists::{ROWS_MAX, Reader, amount, facts};
use crate::mail::render::Voice;
use crate::mail::story::{Block, Column, Row, Story, Table};
use crate::mail::text::one_line;

use super::failed::{first, quote, reason};
use super::{commands, count, counted, for_booking, sums, table, to_admin, what};

/// So many commands of one kind an email offers; more would hide the rest.
const COMMANDS_MAX: usize = 5;

/// Payments for which nobody is registered.
pub fn unassigned(notices: &[Notice], voice: &Voice) -> Story {
    let first = first(notices);
    let (subject, mut blocks) = match notices {
        [Notice::Unassigned { payment, why }] => {
            let lead = format!("payoutd does not know who is to get {}{}:", amount(payment), for_booking(payment));
            let subject = format!("Payment {first} has no mentor: {} is waiting", amount(payment));
            (subject, vec![Block::say(lead), reason(why), Block::Facts(facts(payment, Reader::Admin))])
        }
        _ => {
            let lead = format!("payoutd does not know who is to get the money of {}.", count(notices));
            let subject = format!("{}{}", counted(notices, "has no mentor", "have no mentor"), sums(notices));
            (subject, vec![Block::say(lead), table(notices, Reader::Admin, voice)])
        }
    };
    blocks.push(Block::say(
        "The money stays where it is until the mentor is registered; then payoutd goes on by itself. A payment that \
         names nobody, or the wrong one, can be mended in the database.",
    ));
    let named: BTreeSet<&str> =
        notices.iter().filter_map(Notice::payment).filter_map(|p| p.mentor.as_deref()).collect();
    let adds = named.into_iter().take(COMMANDS_MAX).map(commands::mentor_add);
    let unnamed = notices.iter().filter_map(Notice::payment).find(|p| p.mentor.is_none());
    let names = unnamed.map(|payment| commands::name_mentor(payment.payment_id));
    blocks.push(commands::block(adds.chain(names).chain([commands::explain(first)])));
    to_admin(voice, subject, blocks)
}

/// Payments that only a person can settle.
pub fn needs_attention(notices: &[Notice], voice: &Voice) -> Story {
    let first = first(notices);
    let see = "To see what it is about, and what happened so far:";
    if let [Notice::NeedsAttention { payment, why }] = notices {
        let blocks = vec![
            Block::say(format!("payoutd does not send {} before someone has looked at it:", what(payment))),
            reason(why),
            Block::Facts(facts(payment, Reader::Admin)),
            Block::say(see),
            commands::block([commands::explain(first)]),
        ];
        return to_admin(voice, format!("Payment {first} is held: {}", one_line(why, 90)), blocks);
    }
    let blocks = vec![
        Block::say(format!(
            "payoutd holds {} until someone has looked. The reason stands under each payment.",
            count(notices)
        )),
        table(notices, Reader::Admin, voice),
        Block::say(see),
        commands::block([commands::explain(first)]),
    ];
    let subject = counted(notices, "is held and needs a look", "are held and need a look");
    to_admin(voice, format!("{subject}{}", sums(notices)), blocks)
}

/// Everything of a mentor is held.
pub fn mentor_held(notices: &[Notice], voice: &Voice) -> Story {
    let (whom, says, mut blocks) = match notices {
        [Notice::MentorHeld { mentor_id, mentor, why }] => {
            let name = one_line(mentor, 60);
            let known = vec![("Mentor", name.clone()), ("Mentor's id", one_line(mentor_id.as_str(), 60))];
            (name, "because of what Stripe says:", vec![quote(why), Block::Facts(known)])
        }
        _ => {
            let mentors: BTreeSet<_> = held(notices).map(|(id, ..)| id).collect();
            let whom = if mentors.len() == 1 { "1 mentor".into() } else { format!("{} mentors", mentors.len()) };
            (whom, "because of what Stripe says; it stands under each name.", vec![Block::List(mentors_table(notices))])
        }
    };
    blocks.insert(0, Block::say(format!("payoutd holds back all payments to {whom}, {says}")));
    blocks.push(Block::say(
        "Usually it is the mentor who can settle this with Stripe. Until then payoutd sends them nothing, and their \
         money stays in the platform's Stripe balance.",
    ));
    let offered = held(notices).take(1).flat_map(|(id, ..)| [commands::mentor_show(id), commands::lift_mentor(id)]);
    blocks.push(commands::block(offered));
    to_admin(voice, format!("All payments to {whom} are on hold"), blocks)
}

fn held(notices: &[Notice]) -> impl Iterator<Item = (&MentorId, &str, &str)> {
    notices.iter().filter_map(|notice| match notice {
        Notice::MentorHeld { mentor_id, mentor, why } => Some((mentor_id, mentor.as_str(), why.as_str())),
        _ => None,
    })
}

fn mentors_table(notices: &[Notice]) -> Table {
    let row = |(id, mentor, why): (&MentorId, &str, &str)| Row {
        cells: vec![one_line(id.as_str(), 28), one_line(mentor, 28)],
        note: Some(one_line(why, 300)),
    };
    Table {
        columns: ["Mentor's id", "Mentor"].map(|title| Column { title: title.to_owned(), right: false }).into(),
        rows: held(notices).take(ROWS_MAX).map(row).collect(),
        more: notices.len().saturating_sub(ROWS_MAX),
        totals: Vec::new(),
    }
}
