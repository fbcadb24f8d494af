//! A private PostgreSQL cluster that may be hurt: `tests/support/pg_cluster.sh` does it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, ensure};
use tokio_postgres::NoTls;

pub struct Cluster {
    pub dir: PathBuf,
    /// Of its database `postgres`.
    url: String,
}

impl Cluster {
    pub async fn start(name: &str) -> Result<Cluster> {
        let dir = place(name);
        let url = script(&["start", &text(&dir), &me()]).await?;
        Ok(Cluster { dir, url })
    }

    /// A standby of another cluster; what was here before is gone.
    pub async fn standby(name: &str, of: &Cluster) -> Result<Cluster> {
        let dir = place(name);
        let url = script(&["standby", &text(&dir), &me(), &text(&of.dir)]).await?;
        Ok(Cluster { dir, url })
    }

    /// Becomes a standby of another, on the port that it had.
    pub async fn follow(&self, other: &Cluster) -> Result<()> {
        script(&["standby", &text(&self.dir), &me(), &text(&other.dir)]).await.map(drop)
    }

    /// Ends the server: fast, immediate, or kill.
    pub async fn down(&self, how: &str) -> Result<()> {
        script(&["down", &text(&self.dir), how]).await.map(drop)
    }

    pub async fn up(&self) -> Result<()> {
        script(&["up", &text(&self.dir)]).await.map(drop)
    }

    /// Its processes stand still, with their sockets open, until [`Cluster::thaw`].
    pub async fn freeze(&self) -> Result<()> {
        script(&["freeze", &text(&self.dir)]).await.map(drop)
    }

    pub async fn thaw(&self) -> Result<()> {
        script(&["thaw", &text(&self.dir)]).await.map(drop)
    }

    pub async fn promote(&self) -> Result<()> {
        script(&["promote", &text(&self.dir)]).await.map(drop)
    }

    /// A program that runs as the cluster's owner.
    pub fn program(&self, program: &str) -> Command {
        let mut command = Command::new("bash");
        command.arg(script_path()).args(["run", &text(&self.dir), program]);
        command
    }

    /// An empty database. Answers its URL.
    pub async fn database(&self, name: &str) -> Result<String> {
        self.run(&format!("CREATE DATABASE {name} TEMPLATE template0")).await?;
        Ok(self.url_of(name))
    }

    pub fn url_of(&self, database: &str) -> String {
        let server = self.url.rsplit_once('/').map_or("", |(server, _)| server);
        format!("{server}/{database}")
    }

    /// Who logs in, and where: `user:password` and `host:port`.
    pub fn login(&self) -> (&str, &str) {
        let rest = self.url.split_once("://").map_or("", |(_, rest)| rest);
        let (login, place) = rest.split_once('@').unwrap_or_default();
        (login, place.split('/').next().unwrap_or_default())
    }

    pub async fn run(&self, statement: &str) -> Result<()> {
        self.client().await?.batch_execute(statement).await.with_context(|| statement.to_owned())
    }

    /// The number that a query answers with.
    pub async fn number(&self, query: &str) -> Result<i64> {
        let row = self.client().await?.query_one(query, &[]).await.with_context(|| query.to_owned())?;
        row.try_get(0).with_context(|| query.to_owned())
    }

    async fn client(&self) -> Result<tokio_postgres::Client> {
        let (client, connection) = tokio_postgres::connect(&self.url, NoTls).await.context("the cluster")?;
        tokio::spawn(connection);
        Ok(client)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let mut stop = Command::new("bash");
        let _ = stop.arg(script_path()).args(["stop", &text(&self.dir)]).stderr(Stdio::null()).status();
    }
}

/// Under /tmp: the cluster's owner must get there, and a socket's path is short.
fn place(name: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("/tmp/payoutd-chaos-{}-{number}-{name}", std::process::id()).into()
}

fn me() -> String {
    std::process::id().to_string()
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn script_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/pg_cluster.sh")
}

/// Where PostgreSQL's server programs are.
pub async fn programs() -> Result<String> {
    script(&["bin"]).await
}

async fn script(args: &[&str]) -> Result<String> {
    let mut command = tokio::process::Command::new("bash");
    let output = command.arg(script_path()).args(args).stdin(Stdio::null()).output().await.context("bash")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "pg_cluster.sh {}: {said}", args.join(" "));
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
