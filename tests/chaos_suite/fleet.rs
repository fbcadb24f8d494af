//! Three daemons on one PostgreSQL share what is due all at once, and one of them is killed in the middle.

use std::time::Duration;

use anyhow::{Result, ensure};
use payoutd::app::sandbox::PaidThrough;
use tokio::time::Instant;

use crate::chance::Chance;
use crate::cluster::Cluster;
use crate::plan::Plan;
use crate::town::{Site, Town};

const PATIENCE: Duration = Duration::from_secs(1_800);

pub async fn shares_the_work(plan: &Plan, shared: &Cluster, chance: Chance) -> Result<String> {
    let payments = plan.due();
    let url = shared.database("fleet").await?;
    let mut site = Site::new(chance).await?;
    site.set("PAYOUTD_WINDOW_DISPUTE_WINDOW", "72h");
    site.set("PAYOUTD_RELEASE_BATCH_SIZE", "50");
    let mut town = site.found(&url, &url, None).await?;
    for _ in 0..3 {
        town.add_daemon().await?;
    }
    town.ready(Duration::from_secs(60)).await?;
    for _ in 0..payments {
        town.customer_pays_through(PaidThrough::Charge).await?;
    }
    town.until_for(PATIENCE, "all are known", async |town| Ok(known(town).await == payments)).await?;
    town.ready(Duration::from_secs(60)).await?;
    let past = town.sql.seconds_from_now(-1);
    let due = Instant::now();
    town.sql.run(&format!("UPDATE payments SET dispute_period_ends = {past}")).await;
    let third = payments / 3;
    town.until("a third is paid", async |town| Ok(town.stripe.books().await?.transfers.len() >= third)).await?;
    let killed = 1 + town.chance.index(2);
    town.kill(killed)?;
    let (paid, on_the_wire) = (town.stripe.books().await?.transfers.len(), under_way(&town).await);
    ensure!(paid < payments, "all was paid before one could be killed");
    town.until_for(PATIENCE, "all is paid", async |town| Ok(town.stripe.books().await?.transfers.len() >= payments))
        .await?;
    let took = due.elapsed().as_secs();
    // The judge wants to see it well again, too.
    town.restart(killed)?;
    let shares = shares(&town);
    ensure!(!shares.contains(&0), "not all had a part in it: {shares:?}");
    let verdict = town.judge().await?;
    Ok(format!(
        "{payments} due at once, one daemon killed when {paid} were paid and {on_the_wire} under way, all paid after \
         {took} s, shares {shares:?}; {verdict}"
    ))
}

/// What each daemon says that it transferred.
fn shares(town: &Town) -> Vec<usize> {
    let count = |said: String| said.lines().filter(|line| line.contains("\"operation.kind\":\"transfer\"")).count();
    town.daemons.iter().map(|daemon| count(daemon.process.said())).collect()
}

async fn known(town: &Town) -> usize {
    usize::try_from(town.sql.count("payments WHERE status = 'pending'").await).unwrap_or(0)
}

async fn under_way(town: &Town) -> i64 {
    town.sql.count("operations WHERE state = 'submitting'").await
}
