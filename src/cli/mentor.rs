//! `payoutd mentor`: who is paid, and where to.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use serde_json::json;

use super::{show, withdraw};
use crate::app::{self, Worker};
use crate::config::Config;
use crate::domain::hold::Hold;
use crate::domain::ids::{AccountId, MentorId};
use crate::domain::mentor::{Account, Capability, Mentor};
use crate::ports::{
    Balance, Books, Clock, MentorChange, NewOnboarding, Onboarded, Onboarding, Store, WithdrawalView, Withdrawals,
};
use crate::store::Database;

/// So many of a mentor's withdrawals are shown with the mentor.
const WITHDRAWALS_SHOWN: i64 = 5;

#[derive(Debug, Subcommand)]
pub(super) enum MentorCommand {
    /// Add a mentor, or change what is given
    #[command(after_help = "Examples:\n  payoutd mentor add ada --account acct_… --email ada@example.com --name 'Ada \
        Mentor'\n  payoutd mentor add ada --email ada@example.org")]
    Add(AddArgs),
    /// List mentors
    #[command(after_help = "Examples:\n  payoutd mentor list\n  payoutd mentor list --limit 1000 --json")]
    List(ListArgs),
    /// Show one mentor
    #[command(after_help = "Examples:\n  payoutd mentor show ada\n  payoutd mentor show ada --json")]
    Show(ShowArgs),
    /// Make a connected account for a mentor who has none, and a link to Stripe's forms
    #[command(
        after_help = "Examples:\n  payoutd mentor onboard ada --email ada@example.com --country US\n  payoutd mentor onboard \
        ada --account acct_…\n  payoutd mentor onboard ada --json | jq -r .link.url\n\nGive the link to the mentor, and to \
        nobody else: it opens their forms once. Asking again makes another link for the same account."
    )]
    Onboard(OnboardArgs),
    /// Show what a mentor has earned, and where it is
    #[command(after_help = "Examples:\n  payoutd mentor balance ada\n  payoutd mentor balance ada --json")]
    Balance(ShowArgs),
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// The platform's id, as in the payments' metadata
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    id: String,
    /// Their connected account, acct_…
    #[arg(long, value_name = "ACCT")]
    account: Option<String>,
    /// Where to write to them
    #[arg(long)]
    email: Option<String>,
    /// What to call them
    #[arg(long)]
    name: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct OnboardArgs {
    /// The platform's id; recorded where it is not yet
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    id: String,
    /// Their address [default: the mentor's]
    #[arg(long)]
    email: Option<String>,
    /// What to call them
    #[arg(long)]
    name: Option<String>,
    /// Where they live, as two capitals such as US [default: onboarding.country]
    #[arg(long, value_name = "CC", value_parser = country)]
    country: Option<String>,
    /// Link this connected account, acct_…, instead of making one
    #[arg(long, value_name = "ACCT")]
    account: Option<String>,
    #[command(flatten)]
    output: super::Output,
}

fn country(typed: &str) -> Result<String, String> {
    match typed.len() == 2 && typed.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        true => Ok(typed.to_uppercase()),
        false => Err("write its two letters, such as US".to_owned()),
    }
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// How many at most
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: i64,
    #[command(flatten)]
    output: super::Output,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The platform's id
    id: String,
    #[command(flatten)]
    output: super::Output,
}

type Row = (Mentor, Option<Account>, Vec<Hold>);

pub(super) async fn mentor(config: &Config, command: MentorCommand) -> Result<()> {
    let database = app::existing_database(config).await?;
    match command {
        MentorCommand::Add(args) => {
            let (id, change) = change(args)?;
            let mentor = database.put_mentor(id, change, super::actor(), app::SystemClock.now()).await?;
            outln!("Mentor {} is recorded; their payments are looked at in the next run.", mentor.id);
            if mentor.account_id.is_none() {
                outln!("Without --account nothing can be paid to them yet.");
            }
        }
        MentorCommand::Onboard(args) => onboard(config, database, args).await?,
        MentorCommand::List(args) => list(&database.mentors(None, args.limit).await?, args.output.json)?,
        MentorCommand::Show(args) => {
            let row = database.mentors(Some(MentorId::new(&args.id)), 1).await?.pop();
            let row = row.ok_or_else(|| no_such_mentor(&args.id))?;
            let id = MentorId::new(&args.id);
            let withdrawals = database.withdrawals(id.clone(), None, WITHDRAWALS_SHOWN).await?;
            one(&row, &database.balances(id).await?, &withdrawals, args.output.json)?;
        }
        MentorCommand::Balance(args) => {
            let id = MentorId::new(&args.id);
            let balances = database.balances(id.clone()).await?;
            // What is theirs is shown though nobody has told who they are.
            if balances.is_empty() && database.mentors(Some(id), 1).await?.is_empty() {
                return Err(no_such_mentor(&args.id).into());
            }
            balance(&args.id, &balances, args.output.json)?;
        }
    }
    Ok(())
}

async fn onboard(config: &Config, database: Database, args: OnboardArgs) -> Result<()> {
    let (json, country) = (args.output.json, args.country);
    let add = AddArgs { id: args.id, account: args.account, email: args.email, name: args.name };
    let (mentor_id, change) = change(add)?;
    let email = change.email.clone();
    database.put_mentor(mentor_id.clone(), change, super::actor(), app::SystemClock.now()).await?;
    let worker = Worker::new(config).await?;
    let onboarded = worker.jobs.onboard(NewOnboarding { mentor_id, email, country }).await;
    let Worker { jobs, tasks, .. } = worker;
    drop(jobs);
    tasks.close();
    tasks.wait().await;
    let Onboarded { mentor, account, made, link } = &onboarded?;
    if json {
        return show::json(&json!({"mentor": mentor, "account": account, "made": made, "link": link}));
    }
    let what = if *made { "was made" } else { "is there" };
    outln!("Account {account} of mentor {mentor} {what}. They go on here, until {}:", show::time(link.expires_at));
    outln!("\n  {}\n", link.url);
    outln!("Give the link to the mentor alone. It opens once; the same command makes another.");
    Ok(())
}

fn no_such_mentor(id: &str) -> super::exit::NotFound {
    super::exit::NotFound(format!("there is no mentor `{id}`: `payoutd mentor list` shows who there is"))
}

fn balance(id: &str, balances: &[Balance], json: bool) -> Result<()> {
    if json {
        return show::json(&json!({"mentor": id, "balances": balances}));
    }
    match balances {
        [] => outln!("Mentor {id} has no payments yet."),
        _ => outln!("{}", show::balances(balances)),
    }
    Ok(())
}

fn change(args: AddArgs) -> Result<(MentorId, MentorChange)> {
    if let Some(account) = args.account.as_deref().filter(|a| !a.starts_with("acct_")) {
        bail!("--account `{account}` is not a connected account: it begins with acct_");
    }
    if let Some(email) = args.email.as_deref().filter(|e| !e.contains('@') || e.contains(char::is_whitespace)) {
        bail!("--email `{email}` is not an address: write name@example.com");
    }
    let account_id = args.account.map(AccountId::new);
    Ok((MentorId::new(args.id), MentorChange { name: args.name, email: args.email, account_id }))
}

fn standing(row: &Row) -> String {
    let (mentor, account, holds) = row;
    let account = match (&mentor.account_id, account) {
        (None, _) => "no account",
        (_, None) => "account not read yet",
        (_, Some(account)) if account.deauthorized_at.is_some() => "account disconnected",
        (_, Some(account)) if account.transfers == Capability::Active => "can be paid",
        (_, Some(account)) if account.transfers == Capability::Pending => "Stripe is checking the account",
        _ => "account may not receive transfers",
    };
    if holds.is_empty() { account.to_owned() } else { format!("on hold; {account}") }
}

fn list(rows: &[Row], json: bool) -> Result<()> {
    if json {
        return show::json(&rows.iter().map(as_json).collect::<Vec<_>>());
    }
    if rows.is_empty() {
        outln!("No mentors yet: payoutd mentor add ID --account acct_… --email … --name …");
        return Ok(());
    }
    let dash = || "-".to_owned();
    let cells = rows.iter().map(|row| {
        let mentor = &row.0;
        let account = mentor.account_id.as_ref().map_or_else(dash, ToString::to_string);
        vec![
            mentor.id.to_string(),
            mentor.name.clone().unwrap_or_else(dash),
            mentor.email.clone().unwrap_or_else(dash),
            account,
            standing(row),
        ]
    });
    outln!("{}", show::table(&["mentor", "name", "email", "account", "standing"], &[], cells));
    Ok(())
}

fn one(row: &Row, balances: &[Balance], withdrawals: &[WithdrawalView], json: bool) -> Result<()> {
    if json {
        let mut shown = as_json(row);
        shown["balances"] = json!(balances);
        shown["withdrawals"] = json!(withdrawals);
        return show::json(&shown);
    }
    let (mentor, account, holds) = row;
    let dash = || "-".to_owned();
    let line = |name: &str, value: String| outln!("  {name:<14}{value}");
    outln!("Mentor {}: {}\n", mentor.id, standing(row));
    line("name", mentor.name.clone().unwrap_or_else(dash));
    line("email", mentor.email.clone().unwrap_or_else(dash));
    line("account", mentor.account_id.as_ref().map_or_else(dash, ToString::to_string));
    if let Some(account) = account {
        line("transfers", account.transfers.to_string());
        line("onboarding", if account.details_submitted { "finished".into() } else { "not finished".into() });
        line("payouts", if account.payouts_enabled { "enabled".into() } else { "not enabled".into() });
        line("pays out", account.payout_interval.clone().unwrap_or_else(dash));
        line(
            "asked for",
            match account.requirements.as_slice() {
                [] => dash(),
                due => due.join(", "),
            },
        );
        line("restriction", account.disabled_reason.clone().unwrap_or_else(dash));
    }
    for hold in holds {
        line("hold", format!("since {} by {}: {}", show::time(hold.placed_at), hold.actor, hold.reason));
    }
    if !balances.is_empty() {
        outln!("\n{}", show::balances(balances));
    }
    if !withdrawals.is_empty() {
        outln!("\nLatest withdrawals\n{}", withdraw::table(withdrawals));
    }
    Ok(())
}

fn as_json(row: &Row) -> serde_json::Value {
    let (mentor, account, holds) = row;
    json!({
        "id": mentor.id,
        "name": mentor.name,
        "email": mentor.email,
        "account": mentor.account_id,
        "standing": standing(row),
        "transfers": account.as_ref().map(|a| a.transfers),
        "details_submitted": account.as_ref().map(|a| a.details_submitted),
        "payouts_enabled": account.as_ref().map(|a| a.payouts_enabled),
        "charges_enabled": account.as_ref().map(|a| a.charges_enabled),
        "payout_interval": account.as_ref().and_then(|a| a.payout_interval.clone()),
        "requirements": account.as_ref().map(|a| a.requirements.clone()),
        "disabled_reason": account.as_ref().and_then(|a| a.disabled_reason.clone()),
        "holds": holds.iter().map(|h| json!({"actor": h.actor, "reason": h.reason, "placed_at": h.placed_at})).collect::<Vec<_>>(),
    })
}
