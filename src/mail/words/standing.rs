//! What admins are told once a day: how it went, and which money has been on the platform for long.

use chrono::{DateTime, Utc};

use crate::domain::digest::{Digest, Standing, Sum};
use crate::domain::holding::LimitBrief;
use crate::domain::notice::Notice;
use crate::mail::lists::{self, Line, Reader, amount, time};
use crate::mail::render::Voice;
use crate::mail::story::{Block, Column, Command, Row, Story, Table};
use crate::mail::text::and_list;

use super::failed::{first, reason};
use super::{commands, count, noted, sums, to_admin, what};

/// Money nears the end of its time on the platform.
pub fn near_limit(notices: &[Notice], voice: &Voice) -> Story {
    let number = first(notices);
    let limits: Vec<&LimitBrief> = notices.iter().filter_map(limit).collect();
    let (subject, mut blocks) = match limits.as_slice() {
        [limit] => {
            let until = day(limit.limit_at, voice);
            let mut known = lists::facts(&limit.payment, Reader::Admin);
            known.push(("Customer paid", time(limit.paid_at, voice.time_zone)));
            known.push(("Limit", time(limit.limit_at, voice.time_zone)));
            let lead =
                format!("{} has been on the platform for long, and should leave it by {until}:", what(&limit.payment));
            let subject = format!("Payment {number} must leave the platform by {until}: {}", amount(&limit.payment));
            (subject, vec![Block::say(lead), reason(&limit.why), Block::Facts(known)])
        }
        _ => {
            let notes: Vec<String> =
                limits.iter().map(|limit| format!("until {}: {}", day(limit.limit_at, voice), limit.why)).collect();
            let lines: Vec<Line<'_>> =
                limits.iter().zip(&notes).map(|(limit, note)| noted(&limit.payment, note)).collect();
            let lead = format!(
                "{} have been on the platform for long. Until when each may stay stands under it.",
                count(notices)
            );
            let subject = format!("{} must leave the platform soon{}", count(notices), sums(notices));
            (subject, vec![Block::say(lead), Block::List(lists::table(&lines, Reader::Admin, voice.time_zone))])
        }
    };
    blocks.push(Block::say(
        "Stripe lets a platform hold a charge's money for a limited time. Settle what keeps it there, so that the mentor is \
         paid, or refund the customer. payoutd does neither by itself.",
    ));
    blocks.push(commands::block([commands::explain(number), older()]));
    to_admin(voice, subject, blocks)
}

fn limit(notice: &Notice) -> Option<&LimitBrief> {
    match notice {
        Notice::PlatformLimit(limit) => Some(limit),
        _ => None,
    }
}

/// How the day went. Of several the latest counts.
pub fn digest(notices: &[Notice], voice: &Voice) -> Story {
    let digest = notices.iter().rev().find_map(|notice| match notice {
        Notice::Digest(digest) => Some(digest.as_ref()),
        _ => None,
    });
    let Some(digest) = digest else { return to_admin(voice, "Payouts".into(), Vec::new()) };
    let zone = voice.time_zone;
    let mut blocks = Vec::new();
    let done = done(digest);
    if !done.is_empty() {
        blocks.push(Block::say(format!("From {} to {}:", time(digest.since, zone), time(digest.until, zone))));
        blocks.push(Block::Facts(done));
    }
    let open = open(digest, voice);
    if !open.is_empty() {
        blocks.push(Block::say("What stands open:"));
        blocks.push(Block::Facts(open));
    }
    if !digest.held.is_empty() {
        blocks.push(Block::say("What is held, and why. A payment that is held for two reasons counts under both."));
        blocks.push(Block::List(held(digest, voice)));
    }
    blocks.push(commands::block(offered(digest)));
    to_admin(voice, format!("Payouts on {}: {}", day(digest.until, voice), headline(digest)), blocks)
}

fn done(digest: &Digest) -> Vec<(&'static str, String)> {
    let lines = [
        ("Paid to mentors", &digest.paid),
        ("Taken back", &digest.taken_back),
        ("Withdrawn to banks", &digest.withdrawn),
        ("Refunded", &digest.refunded),
    ];
    lines.into_iter().filter(|(_, sums)| !sums.is_empty()).map(|(label, sums)| (label, in_words(sums))).collect()
}

fn open(digest: &Digest, voice: &Voice) -> Vec<(&'static str, String)> {
    let mut lines: Vec<(&'static str, String)> = Vec::new();
    let mut standing = |label, standing: &Standing, when: &str| {
        let at = standing.oldest.map_or(String::new(), |at| format!(", {when} {}", time(at, voice.time_zone)));
        lines.extend((standing.count > 0).then(|| (label, format!("{}{at}", standing.count))));
    };
    standing("Outcome unknown", &digest.unknown, "the oldest since");
    standing("Authorised, ending", &digest.expiring, "the first on");
    let by = |label, sums: &[Sum], at: Option<DateTime<Utc>>, when: &str| {
        let at = at.map_or(String::new(), |at| format!(", {when} {}", time(at, voice.time_zone)));
        (!sums.is_empty()).then(|| (label, format!("{}{at}", in_words(sums))))
    };
    lines.extend(by("Transfer refused", &digest.failed, None, ""));
    lines.extend(by("Disputes", &digest.disputes, digest.evidence_due_by, "the next answer is due by"));
    lines.extend(by("Owed by mentors", &digest.debts, None, ""));
    lines.extend(by("Long on platform", &digest.near_limit, digest.limit_at, "the first until"));
    lines
}

/// `12 (1,080.00 USD) and 3 (90.00 EUR)`.
fn in_words(sums: &[Sum]) -> String {
    let one = |sum: &Sum| format!("{} ({})", sum.count, sum.currency.display(sum.amount_minor));
    and_list(&sums.iter().map(one).collect::<Vec<_>>())
}

fn held(digest: &Digest, voice: &Voice) -> Table {
    let row = |held: &crate::domain::digest::HeldFor| Row {
        cells: vec![
            held.count.to_string(),
            held.oldest.map_or("-".into(), |at| at.with_timezone(&voice.time_zone).format("%Y-%m-%d").to_string()),
            held.reason.replace('_', " "),
        ],
        note: None,
    };
    let column = |title: &str, right| Column { title: title.to_owned(), right };
    Table {
        columns: vec![column("Payments", true), column("Oldest paid", false), column("Held because", false)],
        rows: digest.held.iter().map(row).collect(),
        more: 0,
        totals: Vec::new(),
    }
}

fn headline(digest: &Digest) -> String {
    let counted = |sums: &[Sum]| sums.iter().map(|sum| sum.count).sum::<i64>();
    let parts = [
        (counted(&digest.paid), "paid"),
        (digest.held_count, "held"),
        (counted(&digest.failed), "refused"),
        (digest.unknown.count, "unclear"),
        (counted(&digest.disputes), "disputed"),
        (digest.expiring.count, "authorisations ending"),
        (counted(&digest.near_limit), "near the limit"),
    ];
    let said: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    if said.is_empty() { "what is open".into() } else { said.join(", ") }
}

fn offered(digest: &Digest) -> Vec<Command> {
    let mut offered = vec![commands::status()];
    let held = digest.held.first().map(|held| {
        let words = held.reason.replace('_', " ");
        Command::new(
            format!("payoutd payments --reason {}", held.reason),
            format!("lists what is held because: {words}"),
        )
    });
    offered.extend(held);
    if !digest.failed.is_empty() {
        offered.push(Command::new("payoutd payments --status failed", "lists what Stripe refused, with its words"));
    }
    if digest.unknown.count > 0 {
        offered
            .push(Command::new("payoutd operations list --state unknown", "lists what may or may not have happened"));
    }
    offered.extend((!digest.near_limit.is_empty()).then(older));
    offered
}

fn older() -> Command {
    Command::new("payoutd payments --near-limit", "lists all that is on the platform for long")
}

fn day(at: DateTime<Utc>, voice: &Voice) -> String {
    at.with_timezone(&voice.time_zone).format("%-d %B %Y").to_string()
}
