//! The judgement, the same after every scenario. It asks Stripe's own books and the mailbox, and payoutd only where nobody
//! else can know; what should be there it knows from what customers paid.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use payoutd::app::sandbox::{Books, TransferEntry};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::town::Town;

const PATIENCE: Duration = Duration::from_secs(180);
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// What was found right.
pub struct Verdict {
    payments: usize,
    events: usize,
    by_hand: usize,
    emails: usize,
    gave_up: usize,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Verdict { payments, events, by_hand, emails, gave_up } = self;
        write!(f, "{payments} payments each transferred once, {events} events stored")?;
        if *by_hand > 0 {
            write!(f, " ({by_hand} after Stripe had given up and was asked again)")?;
        }
        write!(f, ", {emails} emails, audit clean")?;
        if *gave_up > 0 {
            write!(f, ", a daemon ended by itself and was started again {gave_up} times")?;
        }
        Ok(())
    }
}

/// How long a figure has stood still. A slow machine is no violation, standing still is.
struct Progress<T> {
    figure: Option<T>,
    since: Instant,
}

impl<T: PartialEq> Progress<T> {
    fn new() -> Progress<T> {
        Progress { figure: None, since: Instant::now() }
    }

    /// Takes in the figure as it is; whether it has stood still for too long.
    fn ended(&mut self, figure: T) -> bool {
        if self.figure.as_ref() != Some(&figure) {
            (self.figure, self.since) = (Some(figure), Instant::now());
        }
        self.rests_for(PATIENCE)
    }

    fn rests_for(&self, time: Duration) -> bool {
        self.since.elapsed() > time
    }
}

impl Town {
    /// Waits until everything is paid, without a hand, and judges.
    pub async fn judge(&mut self) -> Result<Verdict> {
        let by_hand = self.everything_is_paid().await?;
        self.all_is_quiet().await?;
        self.ready(PATIENCE).await?;
        let books = self.stripe.books().await?;
        self.check_books(&books)?;
        let events = self.check_events().await?;
        let emails = self.check_emails().await?;
        self.check_rows(&books).await?;
        self.cli(&["audit"]).await.context("the audit found something")?;
        Ok(Verdict { payments: self.owed.len(), events, by_hand, emails, gave_up: self.gave_up })
    }

    /// Answers how many events had to be brought by hand, since Stripe had given up on them.
    async fn everything_is_paid(&mut self) -> Result<usize> {
        self.ready(PATIENCE).await?;
        let (mut by_hand, mut progress) = (0, Progress::new());
        loop {
            self.keep()?;
            let transfers = self.stripe.books().await?.transfers.len();
            if transfers >= self.owed.len() {
                return Ok(by_hand);
            }
            let read = self.sql.count("webhook_events WHERE state <> 'pending'").await;
            if progress.ended((transfers, read)) {
                let status = self.cli(&["status"]).await?;
                let owed = self.owed.len();
                bail!("{transfers} transfers of {owed}, and no more for {PATIENCE:?}\n{status}{}", self.complaints(0));
            }
            if progress.rests_for(PATIENCE / 2) {
                by_hand += self.stripe.deliver_the_rest().await?;
            }
            sleep(BETWEEN_LOOKS).await;
        }
    }

    /// Nothing is due, under way, unread or unsent.
    async fn all_is_quiet(&mut self) -> Result<()> {
        self.stripe.deliver_the_rest().await?;
        let mut progress = Progress::new();
        loop {
            self.keep()?;
            let status: Value = serde_json::from_str(&self.cli(&["status", "--json"]).await?)?;
            let is_empty = |name: &str| status[name].as_object().is_some_and(|figures| figures.is_empty());
            let open = ["payments", "operations", "events", "emails"].into_iter().filter(|name| !is_empty(name));
            if open.count() == 0 && status["due"] == 0 {
                return Ok(());
            }
            let figures = ["payments", "operations", "events", "emails", "due"].map(|name| status[name].to_string());
            ensure!(!progress.ended(figures), "not quiet, and it stays so: {status:#}\n{}", self.complaints(0));
            sleep(BETWEEN_LOOKS).await;
        }
    }

    /// Each charge was transferred once: so much, to this account. There is no other transfer, and nothing came back.
    fn check_books(&self, books: &Books) -> Result<()> {
        let mut by_charge: BTreeMap<&str, Vec<&TransferEntry>> = BTreeMap::new();
        for transfer in &books.transfers {
            let charge = transfer.source_transaction.as_deref().context("a transfer of no charge")?;
            by_charge.entry(charge).or_default().push(transfer);
        }
        for owed in &self.owed {
            let transfers = by_charge.remove(owed.charge.as_str()).unwrap_or_default();
            let [transfer] = transfers.as_slice() else {
                bail!("{} was transferred {} times: {transfers:#?}", owed.booking, transfers.len())
            };
            let is = (transfer.amount_minor, transfer.currency.as_str(), transfer.destination.as_str());
            ensure!(is == (owed.amount_minor, "usd", &owed.account), "{}: {is:?}", owed.booking);
            ensure!(transfer.reversed_minor == 0, "{} was reversed", owed.booking);
        }
        ensure!(by_charge.is_empty(), "transfers that nobody is owed: {by_charge:#?}");
        ensure!(books.duplicates == 0, "Stripe counts {} duplicates", books.duplicates);
        Ok(())
    }

    /// Every event of Stripe's is stored, once. Answers how many there are.
    async fn check_events(&self) -> Result<usize> {
        let told = self.stripe.events().await?;
        let rows = self.sql.words("event_id", "webhook_events").await;
        let stored: BTreeSet<String> = rows.iter().cloned().collect();
        ensure!(stored.len() == rows.len(), "events are stored twice");
        let lost: Vec<&String> = told.difference(&stored).collect();
        ensure!(lost.is_empty(), "{} events are not stored: {lost:?}", lost.len());
        Ok(told.len())
    }

    /// Each mentor was told of each payment in one email.
    async fn check_emails(&self) -> Result<usize> {
        let emails = self.mail.read()?;
        let mut told: BTreeMap<String, usize> = BTreeMap::new();
        for email in emails.values().filter(|email| email.subject.starts_with("You were paid")) {
            let words: BTreeSet<&str> = email.text.split_whitespace().map(|w| w.trim_matches(['.', ','])).collect();
            for booking in words.into_iter().filter(|word| word.starts_with("B-")) {
                *told.entry(booking.to_owned()).or_default() += 1;
            }
        }
        for owed in &self.owed {
            let times = told.remove(&owed.booking).unwrap_or(0);
            ensure!(times == 1, "the mentor was told {times} times of {}", owed.booking);
        }
        ensure!(told.is_empty(), "mentors were told of what nobody paid: {told:?}");
        let failed = self.sql.count("emails WHERE state = 'failed'").await;
        ensure!(failed == 0, "{failed} emails were given up");
        Ok(emails.len())
    }

    /// The rows say the same as Stripe.
    async fn check_rows(&self, books: &Books) -> Result<()> {
        let paid = self.sql.words("transfer_id", "payments WHERE status = 'transferred'").await;
        let paid: BTreeSet<&str> = paid.iter().map(String::as_str).collect();
        let made: BTreeSet<&str> = books.transfers.iter().map(|transfer| transfer.id.as_str()).collect();
        ensure!(paid == made, "rows and Stripe name different transfers: {:?}", paid.symmetric_difference(&made));
        let rows = self.sql.count("payments").await;
        ensure!(usize::try_from(rows)? == self.owed.len(), "{rows} rows for {} payments", self.owed.len());
        Ok(())
    }
}
