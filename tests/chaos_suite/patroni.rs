//! Three PostgreSQL nodes under Patroni, which agrees through etcd on who leads: the leader is killed, machine and all, and
//! Patroni promotes its synchronous standby by itself. The daemon knows all three hosts.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};
use tokio_postgres::NoTls;

use crate::chance::Chance;
use crate::cluster::{Cluster, programs};
use crate::plan::Plan;
use crate::process::Process;
use crate::sql::Sql;
use crate::town::Site;
use crate::web::Web;

const NODES: usize = 3;
const LOGIN: &str = "payoutd:of-the-patroni-nodes";
const PATIENCE: Duration = Duration::from_secs(120);

pub async fn promotes_another(plan: &Plan, shared: &Cluster, chance: Chance) -> Result<String> {
    if !plan.long {
        return Ok("LEFT OUT: in the long form only".into());
    }
    if ["patroni", "etcd"].iter().any(|program| Command::new(program).arg("--version").output().is_err()) {
        return Ok("LEFT OUT: no patroni and etcd here (apt-get install patroni etcd-server)".into());
    }
    let mut nodes = Nodes::start(shared).await?;
    let leader = nodes.leader().await?;
    nodes.run(leader, "CREATE DATABASE town").await?;
    let hosts: Vec<String> = nodes.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
    let url = format!("postgres://{LOGIN}@{}/town?target_session_attrs=read-write", hosts.join(","));
    let mut town = Site::new(chance).await?.found(&url, &nodes.url(leader, "town"), None).await?;
    town.add_daemon().await?;
    town.ready(PATIENCE).await?;
    let (rounds, mut longest) = (3, Duration::ZERO);
    for _ in 0..rounds {
        let leader = nodes.leader().await?;
        nodes.has_a_synchronous_standby().await?;
        let time = town.moment(1_500, 4_000);
        town.customers_pay_for(time).await?;
        nodes.kill(leader)?;
        let killed = Instant::now();
        let dark = town.moment(1_000, 3_000);
        town.customers_pay_for(dark).await?;
        let next = nodes.leader().await?;
        ensure!(next != leader, "a dead node leads");
        town.ready(PATIENCE).await?;
        longest = longest.max(killed.elapsed());
        town.sql = Sql::at(&nodes.url(next, "town"));
        nodes.restart(leader)?;
    }
    ensure!(town.daemons[0].process.ended()?.is_none(), "the daemon ended:\n{}", town.complaints(0));
    let verdict = town.judge().await?;
    let longest = longest.as_secs();
    Ok(format!("{NODES} nodes, {rounds} leaders killed, ready again at most {longest} s after; {verdict}"))
}

struct Nodes<'a> {
    nodes: Vec<Node>,
    web: Web,
    owner: &'a Cluster,
    _etcd: Process,
    /// Dropped last: the nodes are at work in it until then.
    _dir: TempDir,
}

struct Node {
    patroni: Process,
    port: u16,
    rest: u16,
    dir: PathBuf,
}

impl<'a> Nodes<'a> {
    async fn start(owner: &'a Cluster) -> Result<Nodes<'a>> {
        let dir =
            tempfile::Builder::new().prefix("payoutd-chaos-patroni-").tempdir_in("/tmp").context("a directory")?;
        let made = Command::new("chmod").arg("0711").arg(dir.path()).status().context("chmod")?;
        ensure!(made.success(), "the nodes' owner must get to their directories");
        let (clients, peers) = (port()?, port()?);
        let mut etcd = Command::new("etcd");
        etcd.args(["--log-level", "error", "--data-dir"]).arg(dir.path().join("etcd"));
        for (name, port) in [("client", clients), ("peer", peers)] {
            etcd.arg(format!("--listen-{name}-urls=http://127.0.0.1:{port}"));
        }
        etcd.arg(format!("--advertise-client-urls=http://127.0.0.1:{clients}"));
        etcd.arg(format!("--initial-advertise-peer-urls=http://127.0.0.1:{peers}"));
        etcd.arg(format!("--initial-cluster=default=http://127.0.0.1:{peers}"));
        let etcd = Process::start(&mut etcd, &dir.path().join("etcd.log"))?;
        let mut nodes = Nodes { nodes: Vec::new(), web: Web::new(), owner, _etcd: etcd, _dir: dir };
        let bin = programs().await?;
        for number in 1..=NODES {
            let dir = nodes._dir.path().join(format!("node{number}"));
            let (port, rest) = (port()?, port()?);
            // Made by their owner, who may then write there.
            std::fs::create_dir(&dir)?;
            std::fs::write(dir.join("patroni.yml"), settings(number, clients, rest, port, &dir, &bin))?;
            let given =
                Command::new("chown").arg("-R").arg(format!("--reference={}", data(owner))).arg(&dir).status()?;
            ensure!(given.success(), "the node's directory cannot be given to its owner");
            let patroni = start(owner, &dir)?;
            nodes.nodes.push(Node { patroni, port, rest, dir });
        }
        Ok(nodes)
    }

    /// The node that leads, once one does.
    async fn leader(&self) -> Result<usize> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            for (number, node) in self.nodes.iter().enumerate() {
                let leads = self.web.status(&format!("http://127.0.0.1:{}/primary", node.rest)).await.ok();
                if leads == Some(200) {
                    return Ok(number);
                }
            }
            let said = self.nodes[0].patroni.said();
            ensure!(Instant::now() < deadline, "nobody leads; the first node said {}", last(&said));
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// From now on nothing is committed that another node does not have.
    async fn has_a_synchronous_standby(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            for node in &self.nodes {
                let follows = self.web.status(&format!("http://127.0.0.1:{}/synchronous", node.rest)).await.ok();
                if follows == Some(200) {
                    return Ok(());
                }
            }
            ensure!(Instant::now() < deadline, "no node follows synchronously");
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// Patroni and its PostgreSQL, as when their machine is gone.
    fn kill(&mut self, number: usize) -> Result<()> {
        self.nodes[number].kill()
    }

    fn restart(&mut self, number: usize) -> Result<()> {
        self.nodes[number].patroni = start(self.owner, &self.nodes[number].dir)?;
        Ok(())
    }

    fn url(&self, number: usize, database: &str) -> String {
        format!("postgres://{LOGIN}@127.0.0.1:{}/{database}", self.nodes[number].port)
    }

    async fn run(&self, number: usize, statement: &str) -> Result<()> {
        let (client, connection) = tokio_postgres::connect(&self.url(number, "postgres"), NoTls).await?;
        tokio::spawn(connection);
        client.batch_execute(statement).await.with_context(|| statement.to_owned())
    }
}

impl Node {
    fn kill(&mut self) -> Result<()> {
        self.patroni.kill()?;
        let Ok(lock) = std::fs::read_to_string(self.dir.join("data/postmaster.pid")) else { return Ok(()) };
        let postmaster: i32 = lock.lines().next().unwrap_or_default().trim().parse().context("postmaster.pid")?;
        let children = Command::new("ps").args(["-o", "pid=", "--ppid", &postmaster.to_string()]).output()?;
        let children = String::from_utf8_lossy(&children.stdout).into_owned();
        let processes = children.split_whitespace().filter_map(|pid| pid.parse().ok()).chain([postmaster]);
        for process in processes.filter_map(Pid::from_raw) {
            // One that has just ended is not missed.
            let _ = kill_process(process, Signal::KILL);
        }
        Ok(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

fn start(owner: &Cluster, dir: &Path) -> Result<Process> {
    Process::start(owner.program("patroni").arg(dir.join("patroni.yml")), &dir.with_extension("log"))
}

fn data(cluster: &Cluster) -> String {
    cluster.dir.join("data").to_string_lossy().into_owned()
}

fn port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0").context("a port")?.local_addr()?.port())
}

fn last(said: &str) -> &str {
    &said[said.char_indices().rev().nth(1_500).map_or(0, |(at, _)| at)..]
}

fn settings(number: usize, etcd: u16, rest: u16, port: u16, dir: &Path, bin: &str) -> String {
    let (user, password) = LOGIN.split_once(':').unwrap_or_default();
    let dir = dir.display();
    format!(
        "scope: chaos
name: node{number}
restapi: {{listen: '127.0.0.1:{rest}', connect_address: '127.0.0.1:{rest}'}}
etcd3: {{host: '127.0.0.1:{etcd}'}}
bootstrap:
  dcs:
    ttl: 20
    loop_wait: 2
    retry_timeout: 3
    synchronous_mode: true
    postgresql: {{use_pg_rewind: true, parameters: {{max_connections: 100, wal_log_hints: 'on', fsync: 'off'}}}}
  initdb: [{{encoding: UTF8}}, {{locale: C}}]
  pg_hba: ['host replication all 127.0.0.1/32 scram-sha-256', 'host all all 127.0.0.1/32 scram-sha-256']
postgresql:
  listen: '127.0.0.1:{port}'
  connect_address: '127.0.0.1:{port}'
  data_dir: '{dir}/data'
  pgpass: '{dir}/pgpass'
  bin_dir: '{bin}'
  authentication:
    superuser: {{username: {user}, password: {password}}}
    replication: {{username: replicator, password: {password}}}
  parameters: {{unix_socket_directories: '{dir}'}}
"
    )
}
