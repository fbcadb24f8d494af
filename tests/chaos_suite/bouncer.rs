//! Between two daemons and PostgreSQL stands PgBouncer in transaction mode, with fewer connections than they have; it is
//! restarted, and so is a daemon. Prepared statements in that mode need PgBouncer 1.21; an older one is tried in session
//! mode, and said to be.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::chance::Chance;
use crate::cluster::Cluster;
use crate::plan::Plan;
use crate::process::Process;
use crate::town::Site;

pub async fn stands_between(plan: &Plan, shared: &Cluster, chance: Chance) -> Result<String> {
    let program = std::env::var("PAYOUTD_PGBOUNCER").unwrap_or_else(|_| "pgbouncer".into());
    let Some(version) = version(&program) else {
        return Ok("LEFT OUT: no pgbouncer here (apt-get install pgbouncer, or PAYOUTD_PGBOUNCER)".into());
    };
    let mode = if version >= (1, 21) { "transaction" } else { "session" };
    let direct = shared.database("bouncer").await?;
    let mut site = Site::new(chance).await?;
    let between = Bouncer::new(&program, mode, shared, site.dir.path())?;
    let mut bouncer = between.start().await?;
    site.set("PAYOUTD_DATABASE_POOL_SIZE", "8");
    let url = format!("postgres://{}@127.0.0.1:{}/bouncer", shared.login().0, between.port);
    let mut town = site.found(&url, &direct, None).await?;
    town.add_daemon().await?;
    town.add_daemon().await?;
    town.ready(Duration::from_secs(60)).await?;
    let rounds: usize = plan.by_length(3, 40);
    for round in 0..rounds {
        let time = town.moment(500, 2_500);
        town.customers_pay_for(time).await?;
        if round % 2 == 0 {
            bouncer.kill()?;
            bouncer = between.start().await?;
        } else {
            town.kill(1)?;
            town.restart(1)?;
        }
    }
    let verdict = town.judge().await?;
    drop(bouncer);
    let (major, minor) = version;
    let kills = format!("{} kills of it, {} of a daemon", rounds.div_ceil(2), rounds / 2);
    Ok(format!("PgBouncer {major}.{minor} in {mode} mode, {kills}; {verdict}"))
}

/// `PgBouncer 1.24.1`
fn version(program: &str) -> Option<(u32, u32)> {
    let said = Command::new(program).arg("--version").output().ok()?.stdout;
    let said = String::from_utf8_lossy(&said).into_owned();
    let mut parts = said.split_whitespace().nth(1)?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

struct Bouncer<'a> {
    program: String,
    cluster: &'a Cluster,
    port: u16,
    config: std::path::PathBuf,
    log: std::path::PathBuf,
}

impl<'a> Bouncer<'a> {
    fn new(program: &str, mode: &str, cluster: &'a Cluster, dir: &Path) -> Result<Bouncer<'a>> {
        let port = std::net::TcpListener::bind("127.0.0.1:0").context("a port")?.local_addr()?.port();
        let (login, place) = cluster.login();
        let (user, password) = login.split_once(':').context("a login")?;
        let (host, server_port) = place.split_once(':').context("a place")?;
        // Beside the cluster's data: its owner must read them.
        let (config, users) = (cluster.dir.join("data/bouncer.ini"), cluster.dir.join("data/bouncer.users"));
        std::fs::write(&users, format!("\"{user}\" \"{password}\"\n")).context("its users")?;
        let prepared = if mode == "transaction" { "max_prepared_statements = 100\n" } else { "" };
        // Two daemons with eight connections each: fewer would do in transaction mode, and have to.
        let size = if mode == "transaction" { 4 } else { 20 };
        let text = format!(
            "[databases]\n* = host={host} port={server_port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {}\npool_mode = {mode}\n\
             default_pool_size = {size}\nmax_client_conn = 100\n{prepared}",
            users.display()
        );
        std::fs::write(&config, text).context("its configuration")?;
        Ok(Bouncer { program: program.to_owned(), cluster, port, config, log: dir.join("bouncer.log") })
    }

    /// Waits until it can be reached.
    async fn start(&self) -> Result<Process> {
        let mut process = Process::start(self.cluster.program(&self.program).arg(&self.config), &self.log)?;
        while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
            ensure!(process.ended()?.is_none(), "PgBouncer ended: {}", process.said());
            sleep(Duration::from_millis(20)).await;
        }
        Ok(process)
    }
}
