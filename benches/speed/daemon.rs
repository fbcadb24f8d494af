//! payoutd in a process of its own, as it is run, and what it costs.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// What webhooks are signed with.
pub const SECRET: &str = "whsec_bench";

/// What is measured, unless `PAYOUTD_BENCH_PROGRAM` names another build of it.
const PROGRAM: &str = env!("CARGO_BIN_EXE_payoutd");

/// A directory with a configuration.
pub struct Home {
    dir: TempDir,
}

/// A daemon at work; ended when dropped.
pub struct Daemon {
    child: Child,
    /// Where webhooks go.
    pub webhooks: SocketAddr,
    /// Where the figures are.
    pub metrics: Option<SocketAddr>,
    /// From being started to being ready.
    pub took: Duration,
}

/// What a process has cost so far.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// Processor time, in user space and for it in the kernel.
    pub cpu: Duration,
    /// The most memory that was resident, in kilobytes.
    pub peak_kb: u64,
    /// What is resident now.
    pub resident_kb: u64,
}

impl Home {
    /// With settings: the database, the fake Stripe, and more lines by section.
    pub fn new(database: &str, stripe: SocketAddr, more_stripe: &str, more_release: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("payoutd-bench-").tempdir().expect("a directory");
        let text = format!(
            "[database]\nurl = \"{database}\"\n\
             [stripe]\nsecret_key = \"sk_test_bench\"\nwebhook_secrets = [\"{SECRET}\"]\napi_base = \"http://{stripe}\"\n{more_stripe}\n\
             [webhook]\nlisten = \"127.0.0.1:0\"\nmax_connections = 1024\n\
             [mail]\ntransport = \"file\"\nadmin_email = \"admin@example.com\"\ndigest = \"off\"\n\
             [release]\nschedule = \"0 0 0 1 1 *\"\n{more_release}\n\
             [metrics]\nlisten = \"127.0.0.1:0\"\n\
             [audit]\nschedule = \"off\"\n\
             [log]\nformat = \"json\"\n"
        );
        let file = dir.path().join("payoutd.toml");
        std::fs::write(&file, text).expect("writable");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("ours");
        Self { dir }
    }

    /// A file beside the configuration.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The program with this configuration.
    pub fn payoutd(&self, arguments: &[&str]) -> Command {
        let program = std::env::var_os("PAYOUTD_BENCH_PROGRAM").unwrap_or_else(|| PROGRAM.into());
        let mut command = Command::new(program);
        command.arg("--config").arg(self.path("payoutd.toml")).args(arguments).env_clear().stdin(Stdio::null());
        // As the unit has it.
        command.env("MALLOC_ARENA_MAX", "2");
        command.env("PAYOUTD_STATE_DIR", self.path("state"));
        command
    }

    /// Runs a command to its end.
    pub fn done(&self, arguments: &[&str]) {
        let output = self.payoutd(arguments).output().expect("it runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Starts a command whose log goes nowhere.
    pub fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.payoutd(arguments);
        let log = std::fs::File::create(self.path("log")).expect("writable");
        command.stdout(Stdio::null()).stderr(log).spawn().expect("it starts")
    }

    /// What the last started command logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Starts the daemon, and waits until it is ready.
    pub fn serve(&self) -> Daemon {
        let begun = Instant::now();
        let mut child =
            self.payoutd(&["serve"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let ready = loop {
            let line = lines.next().expect("it becomes ready before it ends").expect("text");
            if line.contains("payoutd is ready") {
                break serde_json::from_str::<serde_json::Value>(&line).expect("JSON");
            }
        };
        let took = begun.elapsed();
        // The log is read and thrown away, as a journal would read it.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        let address = |name: &str| ready[name].as_str().and_then(|text| text.parse().ok());
        Daemon { child, webhooks: address("address").expect("an address"), metrics: address("metrics"), took }
    }
}

impl Daemon {
    /// What it has cost.
    pub fn cost(&self) -> Cost {
        cost(self.child.id())
    }
}

/// What a process has cost so far.
pub fn cost(pid: u32) -> Cost {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kilobytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.trim_matches([':', '\t', ' ']).split(' ').next()?.parse().ok()).unwrap_or(0)
    };
    let mut cpu = Duration::ZERO;
    // The scheduler counts nanoseconds; the process' own figures are in hundredths of a second.
    for task in std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let counted = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        let nanoseconds = counted.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0);
        cpu += Duration::from_nanos(nanoseconds);
    }
    Cost { cpu, peak_kb: kilobytes("VmHWM"), resident_kb: kilobytes("VmRSS") }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
