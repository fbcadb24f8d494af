//! Stripe's process stands still in the middle of calls, and the way to it is cut.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::sleep;

use crate::chance::Chance;
use crate::cluster::Cluster;
use crate::plan::Plan;
use crate::proxy::Proxy;
use crate::town::Site;

pub async fn is_frozen_and_cut_off(plan: &Plan, shared: &Cluster, chance: Chance) -> Result<String> {
    let mut site = Site::new(chance).await?;
    let way = Proxy::before(&site.stripe.base_url).await;
    site.set("STRIPE_API_BASE", way.url().trim_end_matches('/'));
    let url = shared.database("stripe_away").await?;
    let mut town = site.found(&url, &url, None).await?;
    town.add_daemon().await?;
    town.ready(Duration::from_secs(60)).await?;
    let rounds: usize = plan.by_length(4, 40);
    for round in 0..rounds {
        let time = town.moment(300, 1_500);
        town.customers_pay_for(time).await?;
        if round % 2 == 0 {
            town.stripe.process.freeze()?;
            // Shorter and longer than a call may take.
            let frozen = town.moment(200, 4_000);
            sleep(frozen).await;
            town.stripe.process.thaw()?;
        } else {
            way.cut();
            let dark = town.moment(200, 2_000);
            town.customers_pay_for(dark).await?;
            way.restore();
        }
    }
    ensure!(town.daemons[0].process.ended()?.is_none(), "the daemon ended:\n{}", town.complaints(0));
    let verdict = town.judge().await?;
    Ok(format!("{} times frozen, {} times cut off; {verdict}", rounds.div_ceil(2), rounds / 2))
}
