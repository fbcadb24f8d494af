//! PostgreSQL is restarted (fast, immediate, killed), stands still, and has its connections cut, again and again.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::chance::Chance;
use crate::cluster::Cluster;
use crate::plan::Plan;
use crate::town::{Site, Town};

#[derive(Clone, Copy, Debug)]
enum Blow {
    Restart(&'static str),
    Cut,
    Freeze,
}

const BLOWS: [Blow; 6] =
    [Blow::Cut, Blow::Restart("fast"), Blow::Freeze, Blow::Restart("immediate"), Blow::Cut, Blow::Restart("kill")];

pub async fn comes_and_goes(plan: &Plan, chance: Chance) -> Result<String> {
    let cluster = Cluster::start("away").await?;
    let url = cluster.database("away").await?;
    let mut town = Site::new(chance).await?.found(&url, &url, None).await?;
    town.add_daemon().await?;
    town.ready(Duration::from_secs(60)).await?;
    let rounds = plan.by_length(6, 60);
    let (mut restarts, mut cuts, mut freezes) = (0, 0, 0);
    for round in 0..rounds {
        let time = town.moment(200, 2_000);
        town.customers_pay_for(time).await?;
        match BLOWS[round % BLOWS.len()] {
            Blow::Restart(how) => {
                cluster.down(how).await?;
                let away = town.moment(0, 3_000);
                town.customers_pay_for(away).await?;
                cluster.up().await?;
                restarts += 1;
            }
            Blow::Cut => cuts += cut(&mut town, &cluster).await?,
            Blow::Freeze => {
                cluster.freeze().await?;
                // Shorter and longer than a connection is waited for.
                let still = town.moment(500, 8_000);
                town.customers_pay_for(still).await?;
                cluster.thaw().await?;
                freezes += 1;
            }
        }
        ensure!(town.daemons[0].process.ended()?.is_none(), "the daemon ended:\n{}", town.complaints(0));
    }
    let verdict = town.judge().await?;
    Ok(format!(
        "{restarts} restarts, {freezes} times frozen, {cuts} connections cut, the daemon lived through all; {verdict}"
    ))
}

/// Several times in a row, as the pool comes back. Answers how many connections there were.
async fn cut(town: &mut Town, cluster: &Cluster) -> Result<i64> {
    let mut cut = 0;
    for _ in 0..5 {
        let query = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'payoutd'";
        cut += cluster.number(query).await?;
        let pause = town.moment(50, 400);
        town.customers_pay_for(pause).await?;
    }
    Ok(cut)
}
