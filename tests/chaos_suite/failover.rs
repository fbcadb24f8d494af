//! The primary is killed and its synchronous standby promoted; the daemon knows both hosts and finds the one that writes.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::{Instant, sleep};

use crate::chance::Chance;
use crate::cluster::Cluster;
use crate::plan::Plan;
use crate::sql::Sql;
use crate::town::Site;

const DATABASE: &str = "failover";
const PATIENCE: Duration = Duration::from_secs(60);

pub async fn a_standby_takes_over(plan: &Plan, chance: Chance) -> Result<String> {
    let first = Cluster::start("first").await?;
    let direct = first.database(DATABASE).await?;
    let second = Cluster::standby("second", &first).await?;
    waits_for_its_standby(&first).await?;
    let ((login, here), (_, there)) = (first.login(), second.login());
    let url = format!("postgres://{login}@{here},{there}/{DATABASE}?target_session_attrs=read-write");
    let mut town = Site::new(chance).await?.found(&url, &direct, None).await?;
    town.add_daemon().await?;
    town.ready(PATIENCE).await?;
    let rounds = plan.by_length(1, 5);
    let (mut primary, mut other) = (&first, &second);
    let mut longest = Duration::ZERO;
    for round in 1..=rounds {
        let time = town.moment(1_500, 4_000);
        town.customers_pay_for(time).await?;
        primary.down("kill").await?;
        let dark = town.moment(0, 2_000);
        town.customers_pay_for(dark).await?;
        other.promote().await?;
        let promoted = Instant::now();
        town.ready(PATIENCE).await?;
        longest = longest.max(promoted.elapsed());
        town.sql = Sql::at(&other.url_of(DATABASE));
        if round < rounds {
            // Who was the primary follows, from a new copy: it may have written what nobody was told of.
            primary.follow(other).await?;
            waits_for_its_standby(other).await?;
            (primary, other) = (other, primary);
        }
    }
    ensure!(town.daemons[0].process.ended()?.is_none(), "the daemon ended:\n{}", town.complaints(0));
    let verdict = town.judge().await?;
    let longest = longest.as_millis();
    Ok(format!("{rounds} takeovers, ready again at most {longest} ms after the promotion; {verdict}"))
}

/// From now on nothing is committed that the standby does not have.
async fn waits_for_its_standby(primary: &Cluster) -> Result<()> {
    primary.run("ALTER SYSTEM SET synchronous_standby_names = 'standby'").await?;
    primary.run("SELECT pg_reload_conf()").await?;
    let deadline = Instant::now() + PATIENCE;
    while primary.number("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'").await? == 0 {
        ensure!(Instant::now() < deadline, "the standby does not follow");
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
