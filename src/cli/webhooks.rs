//! `payoutd webhooks`: the events that Stripe sent, as they were kept; to have them projected again, or set aside.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::lists::{PageArgs, cell, one_of, short, when};
use super::{progress, show};
use crate::app;
use crate::config::Config;
use crate::ports::{Clock, Desk, EventEntry, EventFilter, EventRef, EventState, Wish};
use crate::store::Database;

/// Events put back in one transaction.
const BATCH: i64 = 200;

#[derive(Debug, Subcommand)]
pub(super) enum WebhooksCommand {
    /// List events, newest first
    #[command(after_help = "Examples:\n  payoutd webhooks list --state failed\n  \
        payoutd webhooks list --type charge.refunded --limit 10")]
    List(ListArgs),
    /// Show one event with its body
    #[command(after_help = "Examples:\n  payoutd webhooks show evt_1Nx…\n  payoutd webhooks show 1207 --json")]
    Show(ShowArgs),
    /// Have events projected again; harmless for one that was projected before
    #[command(after_help = "Examples:\n  payoutd webhooks replay evt_1Nx…\n  payoutd webhooks replay 1207 1208\n  \
        payoutd webhooks replay --failed")]
    Replay(ReplayArgs),
    /// Set aside an event that cannot be projected, for good
    #[command(after_help = "Example:\n  payoutd webhooks ignore evt_1Nx… --reason 'from another system of ours'")]
    Ignore(IgnoreArgs),
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Only in this state
    #[arg(long, value_parser = one_of!(EventState))]
    state: Option<EventState>,
    /// Only of this type, such as charge.succeeded
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    #[command(flatten)]
    page: PageArgs,
    #[command(flatten)]
    output: super::Output,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// Stripe's id, evt_…, or its number in the list
    event: String,
    #[command(flatten)]
    output: super::Output,
}

#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// Stripe's ids, evt_…, or their numbers in the list
    #[arg(required_unless_present = "failed", conflicts_with = "failed")]
    events: Vec<String>,
    /// All that failed
    #[arg(long)]
    failed: bool,
}

#[derive(Debug, Args)]
pub(super) struct IgnoreArgs {
    /// Stripe's id, evt_…, or its number in the list
    event: String,
    /// Why, in words; kept for ever
    #[arg(long, value_parser = super::words)]
    reason: String,
}

pub(super) async fn webhooks(config: &Config, command: WebhooksCommand) -> Result<()> {
    let database = app::existing_database(config).await?;
    match command {
        WebhooksCommand::List(args) => list(&database, args).await,
        WebhooksCommand::Show(args) => show_one(&database, args).await,
        WebhooksCommand::Replay(args) if args.failed => replay_failed(&database).await,
        WebhooksCommand::Replay(args) => replay(&database, args.events).await,
        WebhooksCommand::Ignore(args) => ignore(&database, args).await,
    }
}

async fn list(database: &Database, args: ListArgs) -> Result<()> {
    let filter = EventFilter { state: args.state, kind: args.kind };
    let events = database.events(filter, args.page.page()).await?;
    if args.output.json {
        return show::json(&events);
    }
    if events.is_empty() {
        outln!("There are no such events.");
        return Ok(());
    }
    let row = |event: &EventEntry| {
        vec![
            event.id.to_string(),
            show::time(event.received_at),
            event.kind.clone(),
            event.event_id.clone(),
            cell(event.payment),
            event.state.to_string(),
            event.attempts.to_string(),
            short(event.note.as_deref()),
        ]
    };
    let header = ["event", "received", "type", "stripe id", "payment", "state", "attempts", "note"];
    outln!("{}", show::table(&header, &[0, 4, 6], events.iter().map(row)));
    args.page.say_more(events.len(), events.last().map(|event| event.id));
    Ok(())
}

async fn find(database: &Database, typed: &str) -> Result<(EventEntry, Vec<u8>)> {
    let by = typed.parse().map_or_else(|_| EventRef::Stripe(typed.to_owned()), EventRef::Row);
    let words =
        || format!("there is no event `{typed}`: give Stripe's id (evt_…) or a number of `payoutd webhooks list`");
    Ok(database.find_event(by).await?.ok_or_else(|| super::exit::NotFound(words()))?)
}

async fn show_one(database: &Database, args: ShowArgs) -> Result<()> {
    let (event, body) = find(database, &args.event).await?;
    let parsed: Option<Value> = serde_json::from_slice(&body).ok();
    if args.output.json {
        let mut shown = serde_json::to_value(&event)?;
        shown["body"] = parsed.unwrap_or_else(|| json!(String::from_utf8_lossy(&body)));
        return show::json(&shown);
    }
    let line = |name: &str, value: String| outln!("  {name:<14}{value}");
    let kind = if event.kind.is_empty() { "not an event of Stripe's" } else { &event.kind };
    outln!("Event {}: {kind}, {}\n", event.id, event.state);
    line("stripe id", event.event_id);
    line("payment", event.payment.map_or_else(|| "-".into(), |id| format!("{id} (payoutd explain {id})")));
    line("account", cell(event.account));
    line("mode", if event.livemode { "live".into() } else { "test".into() });
    line("made", show::time(event.created_at));
    line("received", show::time(event.received_at));
    line("settled", when(event.projected_at));
    line("attempts", event.attempts.to_string());
    line("next attempt", when(event.next_attempt_at));
    line("note", cell(event.note));
    outln!("\nBody");
    match parsed {
        Some(body) => show::json(&body)?,
        None => outln!("{}", String::from_utf8_lossy(&body).escape_debug()),
    }
    Ok(())
}

async fn replay(database: &Database, typed: Vec<String>) -> Result<()> {
    // All are found before anything is done.
    let mut events = Vec::with_capacity(typed.len());
    for name in &typed {
        events.push(find(database, name).await?.0);
    }
    for event in events {
        database.replay_event(event.id, super::actor(), app::SystemClock.now()).await?;
        let EventEntry { id, kind, event_id, state, .. } = event;
        outln!("Event {id} ({kind} {event_id}), which stood at {state}, is to be projected again.");
    }
    outln!("{PROJECTED_SOON}");
    Ok(())
}

const PROJECTED_SOON: &str = "The daemon projects within seconds; `payoutd webhooks list` shows what came of it.";

async fn replay_failed(database: &Database) -> Result<()> {
    let total = database.count_failed_events().await?;
    if total == 0 {
        outln!("No event failed: there is nothing to replay.");
        return Ok(());
    }
    let bar = progress::bar(total, "events");
    let (mut after, mut count) = (0, 0);
    loop {
        let done = database.replay_failed_events(after, BATCH, super::actor(), app::SystemClock.now()).await?;
        let Some(last) = done.last() else { break };
        (after, count) = (*last, count + done.len());
        bar.set_position(u64::try_from(count).unwrap_or(u64::MAX));
    }
    bar.finish_and_clear();
    outln!("{count} failed event{} to be projected again.\n{PROJECTED_SOON}", if count == 1 { " is" } else { "s are" });
    Ok(())
}

async fn ignore(database: &Database, args: IgnoreArgs) -> Result<()> {
    let (event, _) = find(database, &args.event).await?;
    let id = event.id;
    match database.ignore_event(id, super::actor(), args.reason, app::SystemClock.now()).await? {
        Wish::Granted => {
            outln!("Event {id} ({} {}) is set aside: it is not projected.", event.kind, event.event_id);
            outln!("To take that back: payoutd webhooks replay {id}");
            Ok(())
        }
        Wish::Refused(EventState::Ignored) => bail!("event {id} is ignored already: {}", cell(event.note)),
        Wish::Refused(state) => {
            bail!(
                "event {id} is {state}: what it says is in the payments already; only what failed or waits can be ignored"
            )
        }
        Wish::NoSuchRow => bail!("event {id} has gone"),
    }
}
