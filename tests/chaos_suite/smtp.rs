//! The mail server refuses, hangs and hangs up. Emails arrive late, and each arrives.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::chance::Chance;
use crate::mailbox::Mail;
use crate::plan::Plan;
use crate::post_office::{Mood, PostOffice};
use crate::town::Site;

pub async fn misbehaves(plan: &Plan, chance: Chance) -> Result<String> {
    let mut site = Site::new(chance).await?;
    let office = PostOffice::open()?;
    site.set("PAYOUTD_MAIL_TRANSPORT", "smtp");
    site.set("SMTP_URL", &format!("smtp://localhost:{}", office.port));
    site.set("PAYOUTD_MAIL_TIMEOUT", "1s");
    let url = site.sqlite();
    let mut town = site.found(&url, &url, Some(Mail::Smtp(office.clone()))).await?;
    town.add_daemon().await?;
    town.ready(Duration::from_secs(60)).await?;
    let rounds = plan.by_length(1, 6);
    for _ in 0..rounds {
        for mood in Mood::BAD {
            office.be(mood);
            let before = office.visits();
            let time = town.moment(1_000, 2_500);
            town.customers_pay_for(time).await?;
            town.until("the mail server is visited", async |_| Ok(office.visits() > before)).await?;
        }
        office.be(Mood::Well);
        // The waits between attempts grow from half a minute on; what is waited for is due now.
        let now = town.sql.seconds_from_now(0);
        town.sql.run(&format!("UPDATE emails SET next_attempt_at = {now} WHERE state = 'queued'")).await;
        let time = town.moment(500, 1_500);
        town.customers_pay_for(time).await?;
    }
    let verdict = town.judge().await?;
    let copies = office.received().len();
    ensure!(copies >= town.mail.read()?.len(), "emails out of nothing");
    let bad = rounds * Mood::BAD.len();
    Ok(format!("{bad} times in a bad mood, {} visits, {copies} copies of the emails; {verdict}", office.visits()))
}
