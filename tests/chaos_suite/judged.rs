//! The judge is put to the test: what is spoilt by hand must be found, or no verdict is worth anything.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::chance::Chance;
use crate::mailbox::Mail;
use crate::town::{Site, Town};

pub async fn sees_what_is_wrong(chance: Chance) -> Result<String> {
    let site = Site::new(chance).await?;
    let url = site.sqlite();
    let mut town = site.found(&url, &url, None).await?;
    town.add_daemon().await?;
    town.customers_pay_for(Duration::from_millis(500)).await?;
    let verdict = town.judge().await?;

    let email = an_email(&town)?;
    let kept = email.with_extension("kept");
    std::fs::rename(&email, &kept)?;
    convicts(&mut town, "was told 0 times").await?;
    std::fs::rename(&kept, &email)?;

    let event = town.sql.words("event_id", "webhook_events ORDER BY id LIMIT 1").await.concat();
    town.sql.run(&format!("DELETE FROM webhook_events WHERE event_id = '{event}'")).await;
    convicts(&mut town, "1 events are not stored").await?;
    town.stripe.deliver(&event).await?;
    town.judge().await.context("all is right again")?;

    let owed = &town.owed[0];
    town.stripe.transfers_by_hand(&owed.charge, &owed.account, 1).await?;
    convicts(&mut town, "was transferred 2 times").await?;
    Ok(format!("sees a lost email, a lost event and a second transfer; before: {verdict}"))
}

async fn convicts(town: &mut Town, words: &str) -> Result<()> {
    match town.judge().await {
        Ok(verdict) => bail!("the judge sees nothing wrong: {verdict}"),
        Err(why) => ensure!(format!("{why:#}").contains(words), "the judge sees something else: {why:#}"),
    }
    Ok(())
}

/// Of somebody who was paid.
fn an_email(town: &Town) -> Result<std::path::PathBuf> {
    let Mail::Files(dir) = &town.mail else { bail!("emails are files here") };
    let paid = |path: &Path| std::fs::read_to_string(path).is_ok_and(|text| text.contains("Subject: You were paid"));
    let mut paths = std::fs::read_dir(dir)?.filter_map(|entry| Some(entry.ok()?.path()));
    paths.find(|path| paid(path)).context("an email to somebody who was paid")
}
