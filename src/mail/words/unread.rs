//! What admins are told of events that could not be read.

use crate::domain::notice::Notice;
use crate::mail::lists::ROWS_MAX;
use crate::mail::render::Voice;
use crate::mail::story::{Block, Column, Row, Story, Table};
use crate::mail::text::one_line;

use super::{commands, to_admin};

/// Stripe told something that payoutd cannot read.
pub fn event_unreadable(notices: &[Notice], voice: &Voice) -> Story {
    let told: Vec<(&str, &str)> = notices.iter().filter_map(unreadable).collect();
    let (subject, lead) = match told.as_slice() {
        [(event, _)] => {
            let event = one_line(event, 60);
            (format!("A message of Stripe's could not be read: {event}"), "A message of Stripe's could not be read:")
        }
        many => (format!("{} messages of Stripe's could not be read", many.len()), "These could not be read:"),
    };
    let blocks = vec![
        Block::say(lead),
        Block::List(table(&told)),
        Block::say(
            "It may be a payment that payoutd does not know of, so nothing is paid for it. The message is kept as it \
             came and is tried again by itself, also by a newer payoutd.",
        ),
        Block::say(
            "Please find the payment in Stripe's dashboard (Developers, Events). If what it says is right and payoutd \
             ought to read it, an upgrade may help; until then pay it by hand if it is due.",
        ),
        commands::block([commands::failed_events(), commands::show_event(), commands::replay_failed()]),
    ];
    to_admin(voice, subject, blocks)
}

fn unreadable(notice: &Notice) -> Option<(&str, &str)> {
    match notice {
        Notice::EventUnreadable { event, why } => Some((event, why)),
        _ => None,
    }
}

fn table(told: &[(&str, &str)]) -> Table {
    let row = |(event, why): &(&str, &str)| Row { cells: vec![one_line(event, 60)], note: Some(one_line(why, 300)) };
    Table {
        columns: vec![Column { title: "Message".to_owned(), right: false }],
        rows: told.iter().take(ROWS_MAX).map(row).collect(),
        more: told.len().saturating_sub(ROWS_MAX),
        totals: Vec::new(),
    }
}
