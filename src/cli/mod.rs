//! The command line: one file a subcommand. Reads arguments and settings, calls `app`, prints; decides nothing.

/// Prints a line; a reader who has gone away (`| head`) ends the program quietly instead of with a panic.
macro_rules! outln {
    ($($arg:tt)*) => { $crate::cli::show::line(&format!($($arg)*)) };
}

mod demo;
mod emails;
mod exit;
mod explain;
mod hold;
mod lists;
mod mentor;
mod migrate;
mod operations;
mod payments;
mod progress;
mod retry;
mod run;
mod runs;
mod sandbox;
mod serve;
mod show;
mod status;
mod token;
mod webhooks;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};

use crate::app::AppError;
use crate::config::{Config, LogFormat};
use crate::domain::ids::PaymentId;
use crate::ports::{PaymentRef, StoreError};
use crate::telemetry;

/// Pays a marketplace's mentors their share of what customers paid, after the dispute window, never twice.
#[derive(Debug, Parser)]
#[command(name = "payoutd", version, arg_required_else_help = true, max_term_width = 100)]
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
    Serve,
    /// See the whole of it work in a minute: daemon, Stripe sandbox, a dozen payments, emails
    Demo(demo::DemoArgs),
    /// Do one release run now: pay what is due
    Run(run::RunArgs),
    /// Show what waits, what is held and why, and what went wrong
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
    Retry(retry::RetryArgs),
    /// Add, list or show mentors
    #[command(subcommand)]
    Mentor(mentor::MentorCommand),
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
    Migrate(migrate::MigrateArgs),
    /// Mint a token for the cron endpoint, to be used once
    #[command(after_help = "Example:\n  curl -X POST -H \"Authorization: Bearer $(payoutd token)\" \
        http://127.0.0.1:8080/cron/transfer-funds")]
    Token(token::TokenArgs),
    /// Run the Stripe sandbox alone
    Sandbox(sandbox::SandboxArgs),
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
        Command::Demo(args) => demo::demo(args).await,
        Command::Run(args) => run::run(&settings()?, args).await.map(done),
        Command::Status(output) => status::status(&settings()?, output).await.map(done),
        Command::Payments(args) => payments::payments(&settings()?, args).await.map(done),
        Command::Runs(args) => runs::runs(&settings()?, args).await.map(done),
        Command::Explain(args) => explain::explain(&settings()?, args).await.map(done),
        Command::Hold(args) => hold::hold(&settings()?, args).await.map(done),
        Command::Lift(args) => hold::lift(&settings()?, args).await.map(done),
        Command::Retry(args) => retry::retry(&settings()?, args).await.map(done),
        Command::Mentor(command) => mentor::mentor(&settings()?, command).await.map(done),
        Command::Webhooks(command) => webhooks::webhooks(&settings()?, command).await.map(done),
        Command::Emails(command) => emails::emails(&settings()?, command).await.map(done),
        Command::Operations(command) => operations::operations(&settings()?, command).await,
        Command::Migrate(args) => migrate::migrate(&settings()?, args).await.map(done),
        Command::Token(args) => token::token(&settings()?, args).map(done),
        Command::Sandbox(args) => sandbox::sandbox(args).await.map(done),
    }
}

fn load(path: Option<&std::path::Path>) -> Result<Config> {
    let env: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    Ok(Config::load(path, &env)?)
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
    match typed.trim_start_matches('#').parse() {
        Ok(number) => PaymentRef::Number(PaymentId(number)),
        Err(_) => PaymentRef::Text(typed.to_owned()),
    }
}

/// What to say when nothing has that id.
fn no_such_payment(typed: &str) -> anyhow::Error {
    let words = format!(
        "there is no payment `{typed}`: give its number, booking, payment intent (pi_…), charge (ch_…), checkout session \
         (cs_…) or transfer (tr_…)"
    );
    anyhow::Error::new(exit::NotFound(words))
}
