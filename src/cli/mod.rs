//! The command line: one file a subcommand. Reads arguments and settings, calls `app`, prints; decides nothing.

/// Prints a line; a reader who has gone away (`| head`) ends the program quietly instead of with a panic.
macro_rules! outln {
    ($($arg:tt)*) => { $crate::cli::show::line(&format!($($arg)*)) };
}

mod audit;
mod backup;
mod check;
mod completions;
mod config;
mod demo;
mod emails;
mod exit;
mod explain;
mod hold;
mod lists;
mod man;
mod mentor;
mod migrate;
mod operations;
mod payments;
mod progress;
mod reconcile;
mod refund;
mod report;
mod retry;
mod run;
mod runs;
mod sandbox;
mod serve;
mod show;
mod status;
mod token;
mod webhooks;
mod withdraw;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};

use crate::app::AppError;
use crate::config::{Config, Gathered, LogFormat};
use crate::ports::{PaymentRef, StoreError};
use crate::telemetry;

const EXAMPLES: &str = "Examples:
  payoutd demo              see the whole of it work, without an account at Stripe
  payoutd status            what waits, what is held and why
  payoutd explain B-1207    why this payment was paid, or was not
  payoutd run --dry-run     what a run would pay now";

/// Pays a marketplace's mentors their share of what customers paid, after the dispute window, never twice.
#[derive(Debug, Parser)]
#[command(name = "payoutd", version, arg_required_else_help = true, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    /// The configuration file [default: /etc/payoutd/payoutd.toml if it exists]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon
    #[command(
        after_help = "Examples:\n  payoutd serve\n  payoutd --config ./payoutd.toml serve\n\nSIGTERM and Ctrl-C \
        end it once calls in flight have ended; SIGHUP has it read its configuration again."
    )]
    Serve,
    /// Look whether everything that the daemon needs is there, and say what to mend; changes nothing
    #[command(
        after_help = "Examples:\n  payoutd check\n  sudo CREDENTIALS_DIRECTORY=/etc/payoutd/credentials payoutd \
        check\n  payoutd check --json | jq '.checks[] | select(.state == \"fail\")'\n\nEnds with 0 when nothing \
        failed, else with 1."
    )]
    Check(Output),
    /// Show the settings and where each came from; no secret is shown
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// See the whole of it work in a minute: daemon, Stripe sandbox, a dozen payments, emails
    #[command(after_help = "Examples:\n  payoutd demo\n  payoutd demo --once --json")]
    Demo(demo::DemoArgs),
    /// Do one release run now: pay what is due
    #[command(after_help = "Examples:\n  payoutd run --dry-run\n  payoutd run --json")]
    Run(run::RunArgs),
    /// Show what waits, what is held and why, and what went wrong
    #[command(after_help = "Examples:\n  payoutd status\n  payoutd status --json | jq .due")]
    Status(Output),
    /// List payments by status, mentor, reason or time
    #[command(after_help = "Examples:\n  payoutd payments --status failed --status held\n  \
        payoutd payments --reason no_account --json\n  payoutd payments --mentor ada --since 2026-11-01 --until 2026-11-30\n  \
        payoutd payments --due --watch")]
    Payments(payments::PaymentsArgs),
    /// List release runs, newest first
    #[command(after_help = "Examples:\n  payoutd runs --limit 10\n  payoutd runs --failed")]
    Runs(runs::RunsArgs),
    /// Say why a payment was paid, or was not, and all that happened to it
    #[command(after_help = "Examples:\n  payoutd explain 42\n  payoutd explain B-1207\n  payoutd explain pi_3Nx…")]
    Explain(explain::ExplainArgs),
    /// Hold a payment, or everything of a mentor
    #[command(after_help = "Examples:\n  payoutd hold 42 --reason 'customer asked for their money back'\n  \
        payoutd hold --mentor ada --reason 'identity in doubt'")]
    Hold(hold::HoldArgs),
    /// Lift what holds a payment or a mentor
    #[command(after_help = "Examples:\n  payoutd lift 42 --reason 'settled with the customer'\n  \
        payoutd lift --mentor ada --reason 'identity confirmed'")]
    Lift(hold::HoldArgs),
    /// Try a failed payment again; every check is asked again, too
    #[command(after_help = "Examples:\n  payoutd retry 42\n  payoutd retry B-1207")]
    Retry(retry::RetryArgs),
    /// Ask for a refund of a payment, in full, in part or by the cancellation policy
    #[command(after_help = "Examples:\n  payoutd refund B-1207 --reason 'the booking could not be made'\n  \
        payoutd refund 42 --amount 2500 --reason 'half an hour was missing' --key ticket-881\n  \
        payoutd refund 42 --policy --reason 'canceled by the customer' --json\n\nEnds with 0 once the request is on record; the \
        next run sends it to Stripe. One that cannot be is refused at once, with 1.")]
    Refund(refund::RefundArgs),
    /// Say that a payment's session took place
    #[command(after_help = "Examples:\n  payoutd complete B-1207\n  payoutd complete 42 --at 2026-11-21T15:00:00Z")]
    Complete(refund::CompleteArgs),
    /// Ask for a payout from a mentor's connected account to their bank
    #[command(after_help = "Examples:\n  payoutd withdraw ada\n  payoutd withdraw ada --amount 5000 --currency usd \
        --key w-17\n  payoutd withdraw ada --instant\n\nIt is recorded; the next run asks Stripe what is available, \
        and pays out or refuses. What cannot be in any case is refused at once, with 1.")]
    Withdraw(withdraw::WithdrawArgs),
    /// List withdrawals and where each stands, newest first
    #[command(after_help = "Examples:\n  payoutd withdrawals\n  payoutd withdrawals ada --json")]
    Withdrawals(withdraw::WithdrawalsArgs),
    /// Add, list, show or onboard mentors
    #[command(subcommand)]
    Mentor(mentor::MentorCommand),
    /// Prove that the books are right, and say what is not
    #[command(
        after_help = "Examples:\n  payoutd audit\n  payoutd audit --json | jq '.differences[0]'\n  payoutd audit --repair\n\n\
        Ends with 0 when nothing differs, else with 1."
    )]
    Audit(audit::AuditArgs),
    /// Compare transfers, reversals, refunds, disputes and payouts with Stripe, both ways
    #[command(
        after_help = "Examples:\n  payoutd reconcile\n  payoutd reconcile --since 2026-11-01 --until 2026-11-30\n  \
        payoutd reconcile --days 30 --fix\n  payoutd reconcile --json | jq '.open[0]'\n\n\
        Ends with 0 when no difference stands, else with 1. Runs beside the daemon."
    )]
    Reconcile(reconcile::ReconcileArgs),
    /// Copy the SQLite database to a file, while the daemon works
    #[command(after_help = "Examples:\n  payoutd backup /var/backups/payoutd-$(date +%F).db\n\n\
        The copy is readable by its owner only, and checked. It begins where it was made: payoutd, started on it, catches \
        up with Stripe and looks there before it pays.")]
    Backup(backup::BackupArgs),
    /// Report payments, revenue, transfers, refunds and disputes by period, and what is still to be paid
    #[command(
        after_help = "Examples:\n  payoutd report --since 2026-11-01 --until 2026-11-30\n  payoutd report --since 90d \
        --by month\n  payoutd report --by week --csv > weeks.csv"
    )]
    Report(report::ReportArgs),
    /// List, show, replay or ignore the events that Stripe sent
    #[command(subcommand)]
    Webhooks(webhooks::WebhooksCommand),
    /// List emails, and send again those that were given up
    #[command(subcommand)]
    Emails(emails::EmailsCommand),
    /// List or show writes to Stripe, and look for one whose outcome is unknown
    #[command(subcommand)]
    Operations(operations::OperationsCommand),
    /// Bring the database up to date
    #[command(after_help = "Examples:\n  payoutd migrate --dry-run\n  payoutd migrate")]
    Migrate(migrate::MigrateArgs),
    /// Mint a token for the cron endpoint, to be used once, or for the API
    #[command(
        after_help = "Examples:\n  payoutd token --ttl 1m\n  curl -X POST -H \"Authorization: Bearer $(payoutd token)\" \
        http://127.0.0.1:8080/cron/transfer-funds\n  payoutd token --scope admin:read --sub console --ttl 1h\n  \
        payoutd token --scope mentor:read --sub ada"
    )]
    Token(token::TokenArgs),
    /// Run the Stripe sandbox alone
    #[command(after_help = "Examples:\n  payoutd sandbox\n  payoutd sandbox --webhook \
        http://127.0.0.1:8080/webhooks/stripe")]
    Sandbox(sandbox::SandboxArgs),
    /// Print completions for a shell
    #[command(
        after_help = "Examples:\n  payoutd completions bash > ~/.local/share/bash-completion/completions/payoutd\n  \
        payoutd completions zsh > ~/.zfunc/_payoutd\n  \
        payoutd completions fish > ~/.config/fish/completions/payoutd.fish"
    )]
    Completions(completions::CompletionsArgs),
    /// Print the manual page, or write one for each command
    #[command(after_help = "Examples:\n  payoutd man | man -l -\n  payoutd man --out ~/.local/share/man/man1")]
    Man(man::ManArgs),
}

/// How to print.
#[derive(Debug, Clone, Copy, Args)]
struct Output {
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

/// Runs the command line.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            let hint = if is_away(&error) { AWAY } else { "" };
            eprintln!("payoutd: {error:#}{hint}");
            exit::Exit::of(&error).into()
        }
    }
}

const AWAY: &str = "; is the server up, and does database.url (DATABASE_URL) name it with the right user and password?";

fn is_away(error: &anyhow::Error) -> bool {
    let store = match error.downcast_ref::<AppError>() {
        Some(AppError::Store(error)) => Some(error),
        _ => error.downcast_ref::<StoreError>(),
    };
    matches!(store, Some(StoreError::Away(_)))
}

fn run(cli: Cli) -> Result<ExitCode> {
    // The one crypto provider, before anything speaks TLS. Fails only when one is installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("the runtime cannot be started")?;
    let code = runtime.block_on(dispatch(cli));
    runtime.shutdown_background();
    code
}

async fn dispatch(cli: Cli) -> Result<ExitCode> {
    let done = |()| ExitCode::SUCCESS;
    let settings = || load(cli.config.as_deref());
    match cli.command {
        Command::Serve => serve::serve(cli.config.as_deref()).await.map(done),
        Command::Check(output) => check::check(cli.config.as_deref(), output).await,
        Command::Config(command) => config::config(cli.config.as_deref(), command).map(done),
        Command::Demo(args) => demo::demo(args).await,
        Command::Run(args) => run::run(&settings()?, args).await.map(done),
        Command::Status(output) => status::status(&settings()?, output).await.map(done),
        Command::Payments(args) => payments::payments(&settings()?, args).await.map(done),
        Command::Runs(args) => runs::runs(&settings()?, args).await.map(done),
        Command::Explain(args) => explain::explain(&settings()?, args).await.map(done),
        Command::Hold(args) => hold::hold(&settings()?, args).await.map(done),
        Command::Lift(args) => hold::lift(&settings()?, args).await.map(done),
        Command::Retry(args) => retry::retry(&settings()?, args).await.map(done),
        Command::Refund(args) => refund::refund(&settings()?, args).await.map(done),
        Command::Complete(args) => refund::complete(&settings()?, args).await.map(done),
        Command::Withdraw(args) => withdraw::withdraw(&settings()?, args).await.map(done),
        Command::Withdrawals(args) => withdraw::withdrawals(&settings()?, args).await.map(done),
        Command::Mentor(command) => mentor::mentor(&settings()?, command).await.map(done),
        Command::Audit(args) => audit::audit(&settings()?, args).await,
        Command::Reconcile(args) => reconcile::reconcile(&settings()?, args).await,
        Command::Backup(args) => backup::backup(&settings()?, args).await.map(done),
        Command::Report(args) => report::report(&settings()?, args).await.map(done),
        Command::Webhooks(command) => webhooks::webhooks(&settings()?, command).await.map(done),
        Command::Emails(command) => emails::emails(&settings()?, command).await.map(done),
        Command::Operations(command) => operations::operations(&settings()?, command).await,
        Command::Migrate(args) => migrate::migrate(&settings()?, args).await.map(done),
        Command::Token(args) => token::token(&settings()?, args).map(done),
        Command::Sandbox(args) => sandbox::sandbox(args).await.map(done),
        Command::Completions(args) => completions::completions(args).map(done),
        Command::Man(args) => man::man(args).map(done),
    }
}

fn load(path: Option<&std::path::Path>) -> Result<Config> {
    Ok(Config::load(path, &environment())?)
}

/// As far as the settings can be read.
fn gather(path: Option<&std::path::Path>) -> Gathered {
    Config::gather(path, &environment())
}

fn environment() -> BTreeMap<String, String> {
    let text = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    std::env::vars_os().filter_map(text).collect()
}

/// Starts the log as the settings say. Only for commands that work for a while; the others print.
fn log(config: &Config) -> Result<()> {
    let format = match config.log.format {
        LogFormat::Text => telemetry::Format::Text,
        LogFormat::Json => telemetry::Format::Json,
        LogFormat::Journald => telemetry::Format::Journald,
    };
    telemetry::init(format, &config.log.filter)?;
    Ok(())
}

/// Words that a person must give.
fn words(typed: &str) -> std::result::Result<String, String> {
    match typed.trim() {
        "" => Err("say why, in words".to_owned()),
        words => Ok(words.to_owned()),
    }
}

/// Who is at the keyboard, for the record.
fn actor() -> String {
    let name = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "cli".to_owned())
}

/// A payment as typed: its number, or any of its ids.
fn payment_ref(typed: &str) -> PaymentRef {
    PaymentRef::typed(typed)
}

/// What to say when nothing has that id.
fn no_such_payment(typed: &str) -> anyhow::Error {
    let words = format!(
        "there is no payment `{typed}`: give its number, booking, payment intent (pi_…), charge (ch_…), checkout session \
         (cs_…) or transfer (tr_…)"
    );
    anyhow::Error::new(exit::NotFound(words))
}
