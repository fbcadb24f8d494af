//! `payoutd operations`: every write to Stripe with its calls; and to look now for one whose outcome is unknown.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use serde_json::json;

use super::exit::{Exit, NotFound};
use super::lists::{PageArgs, cell, one_of, short, when};
use super::show;
use crate::app::{self, Worker};
use crate::config::Config;
use crate::domain::ids::OperationId;
use crate::domain::money::{Currency, MinorUnits};
use crate::domain::operation::{About, OperationState};
use crate::jobs::Found;
use crate::ports::{CallEntry, Desk, Listed, OperationEntry, OperationRef, OperationStory};
use crate::store::Database;

#[derive(Debug, Subcommand)]
pub(super) enum OperationsCommand {
    /// List operations, newest first: those that are not at their end, unless asked for others
    #[command(after_help = "Examples:\n  payoutd operations list\n  payoutd operations list --state unknown\n  \
        payoutd operations list --all --limit 10 --json")]
    List(ListArgs),
    /// Show an operation, or all of a payment's, with every call
    #[command(after_help = "Examples:\n  payoutd operations show 7\n  payoutd operations show '#42'\n  \
        payoutd operations show pi_3Nx…\n  payoutd operations show tr_1Nx…")]
    Show(ShowArgs),
    /// Look now at Stripe for an operation whose outcome is unknown; sends nothing
    #[command(after_help = "Example:\n  payoutd operations resolve 7\n\n\
        Ends with 0 when the outcome is known afterwards, and with 1 when it is not.")]
    Resolve(ResolveArgs),
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Only in this state; may be given more than once
    #[arg(long, value_parser = one_of!(OperationState))]
    state: Vec<OperationState>,
    /// In any state
    #[arg(long, conflicts_with = "state")]
    all: bool,
    #[command(flatten)]
    page: PageArgs,
    #[command(flatten)]
    output: super::Output,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// Its number in the list, its transfer (tr_…) or its idempotency key; or a payment: #42, pi_…, ch_…, cs_…, booking
    operation: String,
    #[command(flatten)]
    output: super::Output,
}

#[derive(Debug, Args)]
pub(super) struct ResolveArgs {
    /// Its number in the list
    operation: i64,
    #[command(flatten)]
    output: super::Output,
}

pub(super) async fn operations(config: &Config, command: OperationsCommand) -> Result<ExitCode> {
    let database = app::existing_database(config).await?;
    match command {
        OperationsCommand::List(args) => list(&database, args).await?,
        OperationsCommand::Show(args) => show_some(&database, args).await?,
        OperationsCommand::Resolve(args) => return resolve(config, args).await,
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(database: &Database, args: ListArgs) -> Result<()> {
    use OperationState::{Planned, Submitting, Unknown};
    let states = match (args.all, args.state.is_empty()) {
        (true, _) => Vec::new(),
        (false, true) => vec![Planned, Submitting, Unknown],
        (false, false) => args.state,
    };
    let found = database.operations(states, args.page.page()).await?;
    if args.output.json {
        let json = |listed: &Listed<OperationEntry>| listed.as_ref().map_or_else(|row| json!(row), |op| json!(op));
        return show::json(&found.iter().map(json).collect::<Vec<_>>());
    }
    if found.is_empty() {
        outln!("There are no such operations. --all shows those that are at their end, too.");
        return Ok(());
    }
    let header = ["operation", "begun", "payment", "mentor", "amount", "state", "attempts", "taken up next", "error"];
    let row = |listed: &Listed<OperationEntry>| {
        let op = match listed {
            Ok(op) => op,
            Err(unreadable) => return show::unreadable(unreadable, header.len()),
        };
        vec![
            op.id.to_string(),
            show::time(op.created_at),
            about(op),
            op.mentor.to_string(),
            amount(op),
            op.state.to_string(),
            op.attempts.to_string(),
            when(op.next_attempt_at.or(op.lease_until)),
            short(op.error.as_deref()),
        ]
    };
    outln!("{}", show::table(&header, &[0, 4, 6], found.iter().map(row)));
    args.page.say_more(found.len(), found.last().map(|listed| listed.as_ref().map_or_else(|row| row.id, |op| op.id.0)));
    Ok(())
}

fn amount(op: &OperationEntry) -> String {
    let (Some(amount), Some(code)) = (op.amount, &op.currency) else { return cell(None::<String>) };
    match (Currency::parse(code), MinorUnits::new(amount)) {
        (Ok(currency), Some(amount)) => currency.display(amount),
        _ => format!("{amount} {code}"),
    }
}

fn about(op: &OperationEntry) -> String {
    match (op.payment, op.withdrawal) {
        (Some(id), _) => format!("payment {id}"),
        (None, Some(id)) => format!("withdrawal {id}"),
        (None, None) => op.kind.clone(),
    }
}

fn reference(typed: &str) -> OperationRef {
    let is_ours = typed.starts_with("tr_") || typed.starts_with("payoutd:");
    match typed.parse() {
        Ok(number) => OperationRef::Row(OperationId(number)),
        Err(_) if is_ours => OperationRef::Text(typed.to_owned()),
        Err(_) => OperationRef::Payment(super::payment_ref(typed)),
    }
}

fn no_such_operation(typed: impl std::fmt::Display) -> anyhow::Error {
    let words = format!(
        "there is no operation `{typed}`: give its number (payoutd operations list --all), its transfer (tr_…) or its \
         idempotency key; or a payment that has one: its number as #42, booking, pi_…, ch_… or cs_…"
    );
    NotFound(words).into()
}

async fn show_some(database: &Database, args: ShowArgs) -> Result<()> {
    let stories = database.find_operations(reference(&args.operation)).await?;
    if stories.is_empty() {
        return Err(no_such_operation(&args.operation));
    }
    if args.output.json {
        return show::json(&stories);
    }
    for (nth, story) in stories.iter().enumerate() {
        if nth > 0 {
            outln!("");
        }
        print(story);
    }
    Ok(())
}

fn print(story: &OperationStory) {
    let op = &story.operation;
    let line = |name: &str, value: String| outln!("  {name:<18}{value}");
    match op.amount {
        Some(_) => outln!("Operation {}: {} of {} to {}, {}\n", op.id, op.kind, amount(op), op.mentor, op.state),
        None => outln!("Operation {}: {} of {}, {}\n", op.id, op.kind, op.mentor, op.state),
    }
    if let Some(id) = op.payment {
        line("payment", format!("{id} (payoutd explain {id})"));
    }
    if let Some(id) = op.withdrawal {
        line("withdrawal", format!("{id} (payoutd withdrawals {})", op.mentor));
    }
    line("idempotency key", op.idempotency_key.clone());
    line("generation", op.generation.to_string());
    line(made(op), cell(op.transfer_id.as_ref()));
    line("may be done", if op.maybe_done { "yes: some request may have been carried out".into() } else { "no".into() });
    line("counted attempts", op.attempts.to_string());
    line("begun", show::time(op.created_at));
    line("first sent", when(op.first_sent_at));
    line("last sent", when(op.last_sent_at));
    line("unknown since", when(op.unknown_since));
    line("taken up next", when(op.next_attempt_at));
    line("lease", lease(op));
    line("error", error(op.error_code.as_deref(), op.error.as_deref()));
    if story.calls.is_empty() {
        outln!("\nNo call is on record.");
        return;
    }
    outln!("\nCalls");
    outln!(
        "{}",
        show::table(&["when", "call", "took", "status", "request", "error"], &[2], story.calls.iter().map(call))
    );
}

/// What Stripe makes of it.
fn made(op: &OperationEntry) -> &str {
    match op.kind.as_str() {
        "transfer" | "restore" => "transfer",
        "capture" | "cancel" => "payment intent",
        "schedule" => "account",
        kind => kind,
    }
}

fn lease(op: &OperationEntry) -> String {
    match (&op.lease_owner, op.lease_until) {
        (Some(owner), Some(until)) => format!("{owner} until {}", show::time(until)),
        _ => "-".to_owned(),
    }
}

fn call(call: &CallEntry) -> Vec<String> {
    vec![
        show::time(call.started_at),
        call.kind.clone(),
        format!("{} ms", call.duration_ms),
        cell(call.http_status),
        cell(call.request_id.as_ref()),
        error(call.error_code.as_deref(), call.error.as_deref()),
    ]
}

fn error(code: Option<&str>, words: Option<&str>) -> String {
    match (code, words) {
        (Some(code), Some(words)) => format!("{words} [{code}]"),
        (code, words) => cell(words.or(code)),
    }
}

async fn resolve(config: &Config, args: ResolveArgs) -> Result<ExitCode> {
    let id = OperationId(args.operation);
    let worker = Worker::new(config).await?;
    let found = worker.jobs.resolve(&worker.database, id, super::actor()).await?;
    let Worker { jobs, tasks, .. } = worker;
    drop(jobs);
    tasks.close();
    tasks.wait().await;
    match &found {
        Found::NoSuchOperation => return Err(no_such_operation(id)),
        Found::NotUnknown(state) => bail!("operation {id} is {state}, not unknown: {}", instead(*state, id)),
        Found::Adopted(..) | Found::Absent(_) | Found::Unknown { .. } => {}
    }
    if args.output.json {
        show::json(&as_json(id, &found))?;
    } else {
        tell(id, &found);
    }
    let known = !matches!(found, Found::Unknown { .. });
    Ok(if known { ExitCode::SUCCESS } else { Exit::Failure.into() })
}

/// What there is to do about an operation that need not be looked for.
fn instead(state: OperationState, id: OperationId) -> String {
    match state {
        OperationState::Planned => {
            "nothing was done yet, and payoutd sends it by itself when it is due; to stop it, put the payment on hold"
                .into()
        }
        OperationState::Submitting => format!(
            "a daemon has it under a lease; should that daemon be gone, the rescuer takes it when the lease ends \
             (payoutd operations show {id})"
        ),
        OperationState::Confirmed => "its transfer is there, and there is nothing to find out".into(),
        OperationState::Rejected => {
            "nothing was done, and another generation may follow; `payoutd explain` says where its payment stands"
                .into()
        }
        OperationState::Unknown => "ask again".into(),
    }
}

fn tell(id: OperationId, found: &Found) {
    match found {
        Found::Adopted(about, made) => {
            outln!("Operation {id} was done: Stripe has {made}, for {about}.");
        }
        Found::Absent(about) => {
            outln!("Operation {id} was never carried out: Stripe has no such thing, and none can come of it any more.");
            outln!("{} goes into the next run, under a new key and after every check.", capitalised(*about));
        }
        Found::Unknown { about, why, next_attempt_at } => {
            outln!("Operation {id} is still unknown: {}.", why.trim_end_matches('.'));
            let again =
                next_attempt_at.map_or(String::new(), |at| format!(" It goes on by itself at {}.", show::time(at)));
            outln!("It keeps its claim on {about}: nothing is paid twice.{again}");
        }
        Found::NotUnknown(_) | Found::NoSuchOperation => {}
    }
}

fn capitalised(about: About) -> String {
    let words = about.to_string();
    let mut letters = words.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

fn as_json(id: OperationId, found: &Found) -> serde_json::Value {
    match found {
        Found::Adopted(about, transfer) => {
            let (payment, withdrawal) = (about.payment(), about.withdrawal());
            json!({
                "operation": id, "payment": payment, "withdrawal": withdrawal, "outcome": "adopted",
                "transfer_id": transfer,
            })
        }
        Found::Absent(about) => {
            let (payment, withdrawal) = (about.payment(), about.withdrawal());
            json!({"operation": id, "payment": payment, "withdrawal": withdrawal, "outcome": "absent"})
        }
        Found::Unknown { about, why, next_attempt_at } => json!({
            "operation": id, "payment": about.payment(), "withdrawal": about.withdrawal(), "outcome": "unknown",
            "why": why, "next_attempt_at": next_attempt_at,
        }),
        Found::NotUnknown(_) | Found::NoSuchOperation => json!({"operation": id}),
    }
}
