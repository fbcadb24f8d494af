//! The end of a daemon: what is under way ends and is recorded, and nothing is begun after.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::*;
use payoutd::app::sandbox::{DEFAULT_SECRET_KEY, Fault, FaultMatch, FaultRule};

on_both_databases! {
    /// Given calls in flight and more that are due, when the daemon is told to stop, then those in flight end and are
    /// recorded, no other is begun, and the rest is paid after the next start.
    async fn a_stop_lets_calls_in_flight_end_and_begins_none(db: TestDb) {
        let plan = Town::plan().with("stripe.concurrency", 2).with("stripe.call_timeout", "\"5s\"");
        let mut town = plan.found(db).await;
        town.mentor("ada").await;
        for number in 1..=10 {
            town.charge(&format!("B-{number}"), "ada");
        }
        town.deliver().await;
        town.sandbox.add_fault(FaultRule::always(FaultMatch::transfers(), Fault::Delay { ms: 600 }));
        let _ended_by_the_stop = town.house().begin_run();
        let fired = || usize::try_from(town.sandbox.faults()[0].fired).expect("few");
        town.until("two calls are in flight", async || fired() == 2).await;
        let stopped_at = tokio::time::Instant::now();
        assert!(town.take_house().close().await, "within its grace");
        assert!(stopped_at.elapsed() < Duration::from_millis(1_800), "{:?}", stopped_at.elapsed());
        let made = town.sandbox.books().transfers.len();
        assert_eq!(made, 2, "none was begun after the stop");
        assert_eq!(town.sql.count("operations WHERE state = 'confirmed'").await, 2);
        assert_eq!(town.sql.count("operation_attempts WHERE kind = 'create'").await, 2);
        // What was claimed and whose turn had not come is handed back, and known not to be sent.
        let handed_back = "operations WHERE state = 'planned' AND NOT maybe_done AND lease_until IS NULL AND attempts = 0";
        let others = town.sql.count("operations WHERE state <> 'confirmed'").await;
        assert_eq!(town.sql.count(handed_back).await, others);
        assert!(others <= 4, "twice as many as may be called at once are on their way, at most: {others}");
        town.sandbox.clear_faults();
        town.start().await;
        town.leases_run_out().await;
        for number in 1..=10 {
            town.paid_once(&format!("B-{number}"), 9_000).await;
        }
    }
}

/// Given the real program with a transfer in flight, when it gets SIGTERM, then it records the transfer and exits
/// with 0.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_lets_a_transfer_end_and_exits_with_0() {
    let town = Town::plan().with("stripe.call_timeout", "\"5s\"").found(TestDb::sqlite()).await;
    let dir = tempfile::tempdir().expect("a temporary directory");
    let database = format!("sqlite://{}", dir.path().join("payoutd.db").display());
    let port = free_port();
    let config = format!(
        "state_dir = {dir:?}\n[database]\nurl = {database:?}\n[stripe]\nsecret_key = {DEFAULT_SECRET_KEY:?}\n\
         webhook_secrets = [{secret:?}]\napi_base = {base:?}\ncall_timeout = \"5s\"\n\
         [webhook]\nlisten = \"127.0.0.1:{port}\"\n[window]\ndispute_window = \"100ms\"\n\
         [release]\nschedule = \"* * * * * *\"\n[mail]\ntransport = \"file\"\nfrom = \"payouts@example.com\"\n\
         admin_email = \"admin@example.com\"\n",
        dir = dir.path(),
        secret = town::WEBHOOK_SECRET,
        base = town.sandbox.base_url(),
    );
    let path = dir.path().join("payoutd.toml");
    std::fs::write(&path, config).expect("writable");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("it is ours");
    let account = town.mentor("ada").await;
    let payoutd = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_payoutd"));
        command.arg("--config").arg(&path).env_clear();
        command
    };
    assert!(payoutd().arg("migrate").stdout(Stdio::null()).status().expect("it runs").success());
    let add = payoutd().args(["mentor", "add", "ada", "--account", &account]).stdout(Stdio::null()).status();
    assert!(add.expect("it runs").success());
    let mut serve = payoutd().arg("serve").stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");

    let webhook = format!("http://127.0.0.1:{port}/webhooks/stripe");
    town.until("it listens", async || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()).await;
    town.charge("B-1", "ada");
    town.trouble("B-1", Fault::Delay { ms: 1_000 });
    for event in town.sandbox.undelivered() {
        let answer = town.post_signed(&webhook, event.text()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    town.until("the transfer is in flight", async || town.sandbox.faults()[0].fired == 1).await;
    let killed = Command::new("kill").arg(serve.id().to_string()).status().expect("kill runs");
    assert!(killed.success());
    let ended = tokio::task::spawn_blocking(move || serve.wait()).await.expect("no panic").expect("it ends");
    assert_eq!(ended.code(), Some(0));
    assert_eq!(town.transferred("B-1").len(), 1);
    let rows = sql::Sql::at(&database);
    assert_eq!(rows.words("status", "payments").await, ["transferred"]);
    assert_eq!(rows.words("state", "operations").await, ["confirmed"]);
}

/// One that was free a moment ago.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
    listener.local_addr().expect("bound").port()
}
