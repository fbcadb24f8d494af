//! The daemon is killed at random moments, also while it starts, and started again at once.

use std::time::Duration;

use anyhow::Result;

use crate::chance::Chance;
use crate::cluster::Cluster;
use crate::plan::Plan;
use crate::town::{Site, Town};

pub async fn on_sqlite(plan: &Plan, chance: Chance) -> Result<String> {
    let site = Site::new(chance).await?;
    let url = site.sqlite();
    killed(plan, site.found(&url, &url, None).await?).await
}

pub async fn on_postgres(plan: &Plan, shared: &Cluster, chance: Chance) -> Result<String> {
    let url = shared.database("kills").await?;
    killed(plan, Site::new(chance).await?.found(&url, &url, None).await?).await
}

async fn killed(plan: &Plan, mut town: Town) -> Result<String> {
    town.add_daemon().await?;
    town.ready(Duration::from_secs(60)).await?;
    for _ in 0..plan.kills() {
        let life = match town.chance.permille(250) {
            // Not even up.
            true => town.moment(0, 500),
            false => {
                town.ready(Duration::from_secs(120)).await?;
                town.moment(0, 2_000)
            }
        };
        town.customers_pay_for(life).await?;
        // One that ended by itself is told apart.
        town.keep()?;
        town.kill(0)?;
        town.restart(0)?;
    }
    let verdict = town.judge().await?;
    Ok(format!("{} kills; {verdict}", plan.kills()))
}
