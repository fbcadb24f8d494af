//! What came of it: a table for people, JSON for programs.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use crate::app::sandbox::Sandbox;
use crate::app::{self, Daemon, Grant, SystemClock};
use crate::cli::show;
use crate::config::Config;
use crate::domain::money::MinorUnits;
use crate::ports::{Clock, PaymentView, Store};

#[derive(Serialize)]
pub(super) struct Report {
    payments: Vec<Line>,
    pub(super) stripe: Stripe,
    emails: usize,
    database: String,
    mail_dir: String,
}

#[derive(Serialize)]
struct Line {
    id: i64,
    mentor: Option<String>,
    amount: i64,
    currency: String,
    status: String,
    reason: String,
    transfer_id: Option<String>,
    #[serde(skip)]
    shown_amount: String,
    #[serde(skip)]
    booking: String,
}

#[derive(Serialize)]
pub(super) struct Stripe {
    transfers: usize,
    pub(super) duplicates: u64,
}

pub(super) async fn gather(config: &Config, sandbox: &Sandbox, daemon: &Daemon, dir: &Path) -> Result<Report> {
    let policy = app::policy(config)?;
    let mut views = daemon.worker().database.payments(None, 1_000).await?;
    views.reverse();
    let now = SystemClock.now();
    let line = |view: &PaymentView| {
        let payment = &view.case.payment;
        let due = MinorUnits::new(view.mentor_due_minor).unwrap_or_default();
        Line {
            id: payment.id.0,
            mentor: payment.mentor_id.as_ref().map(ToString::to_string),
            amount: due.get(),
            currency: payment.currency.code().to_owned(),
            status: payment.status.to_string(),
            reason: show::why(view, &policy, now),
            transfer_id: payment.transfer_id.as_ref().map(ToString::to_string),
            shown_amount: payment.currency.display(due),
            booking: payment.booking_id.clone().unwrap_or_default(),
        }
    };
    let books = sandbox.books();
    let mail_dir = dir.join("mail");
    Ok(Report {
        payments: views.iter().map(line).collect(),
        stripe: Stripe { transfers: books.transfers.len(), duplicates: books.duplicates },
        emails: std::fs::read_dir(&mail_dir)?.filter_map(Result::ok).filter(is_email).count(),
        database: dir.join("payoutd.db").display().to_string(),
        mail_dir: mail_dir.display().to_string(),
    })
}

fn is_email(entry: &std::fs::DirEntry) -> bool {
    entry.path().extension().is_some_and(|extension| extension == "eml")
}

pub(super) fn print(report: &Report, dir: &Path, address: SocketAddr) {
    let rows = report.payments.iter().map(|line| {
        vec![
            line.id.to_string(),
            line.booking.clone(),
            line.mentor.clone().unwrap_or_else(|| "-".into()),
            line.shown_amount.clone(),
            line.status.clone(),
            line.reason.clone(),
            line.transfer_id.clone().unwrap_or_else(|| "-".into()),
        ]
    });
    let header = ["payment", "booking", "mentor", "to mentor", "state", "why", "transfer"];
    outln!("\n{}\n", show::table(&header, &[0, 3], rows));
    let paid = report.payments.iter().filter(|line| line.transfer_id.is_some()).count();
    outln!(
        "Stripe holds {} transfers for {paid} payments that are paid; {} of them twice.",
        report.stripe.transfers,
        report.stripe.duplicates
    );
    outln!("{} emails lie in   {}", report.emails, report.mail_dir);
    outln!("The database is    {}", report.database);
    outln!("Webhooks go to     http://{address}/webhooks/stripe");
    let (program, config) = (program(), config_path(dir));
    outln!("\nTry next, in another terminal:");
    outln!("  {program} --config {config} explain B-111");
    outln!("  {program} --config {config} status");
    outln!("  {program} --config {config} retry B-112");
}

/// How to ask from outside: for a run, with a token that can be used once, and over the API.
pub(super) fn print_cron(config: &Config, dir: &Path, address: SocketAddr) -> Result<()> {
    const AN_HOUR: Duration = Duration::from_secs(3_600);
    let for_run = app::mint_token(&config.cron, AN_HOUR, None, &SystemClock)?;
    let grant = Grant { scope: "admin:read", subject: Some("demo") };
    let for_api = app::mint_api_token(&config.api, grant, AN_HOUR, None, &SystemClock)?;
    let (program, config) = (program(), config_path(dir));
    outln!("\nOr have a run done, as a cron service would, with a token that is good once and for an hour:");
    outln!("  curl -X POST -H 'Authorization: Bearer {}' http://{address}/cron/transfer-funds", for_run.token);
    outln!("Another token: {program} --config {config} token");
    outln!("\nOr read the same over the API, as an admin's own console would:");
    outln!("  curl -H 'Authorization: Bearer {}' http://{address}/v1/payments", for_api.token);
    outln!("Another token: {program} --config {config} token --scope admin:write --sub backend");
    Ok(())
}

fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "payoutd".into())
}

fn config_path(dir: &Path) -> String {
    dir.join("payoutd.toml").display().to_string()
}
