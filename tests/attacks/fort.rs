//! The daemon that is attacked, a process of its own, and what is looked at meanwhile: its memory, its health, its rows.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use diesel::sql_types::BigInt;
use diesel::{Connection, QueryableByName, RunQueryDsl, SqliteConnection};
use payoutd::app::SystemClock;
use payoutd::app::sandbox::signature_header;
use payoutd::ports::Clock;

use crate::world::{PATIENCE, SECRET, Serving, World, get, send_event};

/// A daemon at rest has a few tens of MiB; what an attack may add to it.
const MOST_GROWTH_KIB: u64 = 64 * 1024;

pub struct Fort {
    pub world: World,
    pub serving: Serving,
    calm_kib: u64,
}

impl Fort {
    pub fn with(variables: &[(&str, &str)]) -> Fort {
        let world = World::new();
        let serving = Serving::start(world.payoutd(&["serve"]).envs(variables.iter().copied()));
        // There is no Stripe to catch up with: one that has heard of an event before its first look would wait for it.
        let patience = Instant::now() + PATIENCE;
        while count(&world, "continuity WHERE caught_up_at IS NOT NULL") == 0 {
            assert!(Instant::now() < patience, "it does not look what it missed");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(send_event(serving.webhooks, SECRET, "evt_before"), 200);
        let calm_kib = memory_kib(serving.pid());
        Fort { world, serving, calm_kib }
    }

    pub fn at(&self) -> SocketAddr {
        self.serving.webhooks
    }

    /// A real webhook, and how long it took to get through.
    pub fn real(&self, id: &str) -> Duration {
        real(self.at(), id)
    }

    pub fn stored(&self) -> i64 {
        count(&self.world, "webhook_events")
    }

    /// It has not grown, it says that it is well, and it kept what is real and nothing else.
    pub fn holds(&self, real_events: i64) {
        let now_kib = memory_kib(self.serving.pid());
        assert!(now_kib < self.calm_kib + MOST_GROWTH_KIB, "{} KiB, then {now_kib} KiB", self.calm_kib);
        assert_eq!(get(self.serving.metrics, "/healthz").0, 200);
        assert_eq!(get(self.at(), "/readyz").0, 200);
        assert_eq!(self.stored(), real_events + 1, "and the first");
    }
}

pub fn real(at: SocketAddr, id: &str) -> Duration {
    let begun = Instant::now();
    assert_eq!(send_event(at, SECRET, id), 200, "{id}");
    begun.elapsed()
}

pub fn now() -> i64 {
    SystemClock.now().timestamp()
}

/// A body that is authentic, and kept without being acted on.
pub fn event(id: &str) -> Vec<u8> {
    format!(r#"{{"id":"{id}","object":"event","type":"plan.created","created":1,"data":{{"object":{{}}}}}}"#)
        .into_bytes()
}

pub fn good_signature(body: &[u8]) -> String {
    signature_header(SECRET, now(), body)
}

/// A request with these first line and headers.
pub fn request(line: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("{line}\r\nHost: x\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// Sends bytes as they are. Answers the status and all that came; nothing where the connection was closed without a word.
pub fn raw(at: SocketAddr, bytes: &[u8]) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(at).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    // Whoever is refused early may be cut off while it still sends.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.split(' ').nth(1)?.parse().ok()?;
    Some((status, text))
}

/// What the process holds in memory.
pub fn memory_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

pub fn open_files(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs").count()
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

pub fn count(world: &World, from: &str) -> i64 {
    let path = world.path("state/payoutd.db");
    let mut conn = SqliteConnection::establish(path.to_str().expect("text")).expect("it opens");
    let query = format!("SELECT count(*) AS count FROM {from}");
    diesel::sql_query(query).get_result::<Count>(&mut conn).expect("a count").count
}
