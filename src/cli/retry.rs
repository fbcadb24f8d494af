//! `payoutd retry`: gives a failed payment back to the decision. It pays nothing by itself.

use anyhow::{Result, bail};
use clap::Args;

use crate::app;
use crate::config::Config;
use crate::ports::{Clock, Store};

#[derive(Debug, Args)]
pub(super) struct RetryArgs {
    /// The payment: its number or any of its ids
    payment: String,
}

pub(super) async fn retry(config: &Config, args: RetryArgs) -> Result<()> {
    let database = app::existing_database(config).await?;
    let found = database.find_payment(super::payment_ref(&args.payment)).await?;
    let view = found.ok_or_else(|| super::no_such_payment(&args.payment))?;
    let payment = &view.case.payment;
    if !database.retry(payment.id, super::actor(), app::SystemClock.now()).await? {
        bail!(
            "payment {} is {}, not failed: there is nothing to retry; `payoutd explain {}` says why it stands there",
            payment.id,
            payment.status,
            payment.id
        );
    }
    outln!("Payment {} goes into the next run, under a new key and after every check.", payment.id);
    Ok(())
}
