//! The disk that SQLite's file and the emails are on runs full while customers pay, and has room again.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::chance::Chance;
use crate::mailbox::Mail;
use crate::plan::Plan;
use crate::town::Site;

const MEGABYTES: u64 = 24;

pub async fn runs_full(plan: &Plan, chance: Chance) -> Result<String> {
    let mut site = Site::new(chance).await?;
    let Some(disk) = Disk::mount()? else {
        return Ok("LEFT OUT: a small disk takes root and the right to mount".into());
    };
    let (state, mail) = (disk.0.path().join("state"), disk.0.path().join("mail"));
    site.set("PAYOUTD_STATE_DIR", &state.to_string_lossy());
    site.set("PAYOUTD_MAIL_FILE_DIR", &mail.to_string_lossy());
    let url = format!("sqlite://{}", state.join("payoutd.db").display());
    let mut town = site.found(&url, &url, Some(Mail::Files(mail))).await?;
    town.add_daemon().await?;
    town.ready(Duration::from_secs(60)).await?;
    let rounds = plan.by_length(2, 15);
    for _ in 0..rounds {
        let time = town.moment(500, 2_000);
        town.customers_pay_for(time).await?;
        disk.fill()?;
        let full = town.moment(1_500, 4_000);
        town.customers_pay_for(full).await?;
        disk.free()?;
        ensure!(town.daemons[0].process.ended()?.is_none(), "the daemon ended:\n{}", town.complaints(0));
        // What Stripe's retries bring is not waited for here; that it can work again is.
        town.ready(Duration::from_secs(20)).await?;
    }
    let verdict = town.judge().await?;
    Ok(format!("a disk of {MEGABYTES} MB full {rounds} times, the daemon lived through all; {verdict}"))
}

/// In memory, and gone with this value.
struct Disk(TempDir);

impl Disk {
    /// Nothing, where that is not allowed.
    fn mount() -> Result<Option<Disk>> {
        let at = tempfile::Builder::new().prefix("payoutd-chaos-disk-").tempdir().context("a mount point")?;
        let size = format!("size={MEGABYTES}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "payoutd-chaos"]).arg(at.path()).output();
        Ok(mounted.is_ok_and(|output| output.status.success()).then_some(Disk(at)))
    }

    /// To the last byte.
    fn fill(&self) -> Result<()> {
        use std::io::Write;
        let mut file = std::fs::File::create(self.filling())?;
        for piece in [1 << 16, 1 << 12, 1] {
            while file.write_all(&vec![0; piece]).is_ok() {}
        }
        Ok(())
    }

    fn free(&self) -> Result<()> {
        std::fs::remove_file(self.filling()).context("the filling")
    }

    fn filling(&self) -> PathBuf {
        self.0.path().join("filling")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).output();
    }
}
