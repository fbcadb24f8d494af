//! A directory with a configuration and the program started on it, as an operator would.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use tempfile::TempDir;

pub const PATIENCE: Duration = Duration::from_secs(30);
/// Planted where no output may ever show it.
pub const SECRET: &str = "whsec_planted";

/// What a daemon needs to start: a Stripe that nobody answers for, and emails as files.
pub const CONFIG: &str = r#"
[stripe]
secret_key = "sk_test_planted"
webhook_secrets = ["whsec_planted"]
api_base = "http://127.0.0.1:9"
[webhook]
listen = "127.0.0.1:0"
[metrics]
listen = "127.0.0.1:0"
[mail]
transport = "file"
admin_email = "admin@example.com"
digest = "off"
[log]
format = "json"
"#;

pub struct World {
    pub dir: TempDir,
}

impl World {
    /// With [`CONFIG`], readable by its owner alone.
    pub fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("payoutd-service-").tempdir().expect("a temporary directory");
        let world = Self { dir };
        world.configure(CONFIG);
        world
    }

    pub fn configure(&self, text: &str) {
        self.write("payoutd.toml", text, 0o600);
    }

    pub fn write(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).expect("writable");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("ours");
        path
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The program with this world's configuration and nothing of the environment.
    pub fn payoutd(&self, arguments: &[&str]) -> Command {
        self.program(Path::new(env!("CARGO_BIN_EXE_payoutd")), arguments)
    }

    pub fn program(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.arg("--config").arg(self.path("payoutd.toml")).args(arguments).env_clear();
        command.env("PAYOUTD_STATE_DIR", self.path("state")).stdin(Stdio::null());
        command
    }

    /// Starts the daemon and waits until it is ready.
    pub fn serve(&self) -> Serving {
        Serving::start(&mut self.payoutd(&["serve"]))
    }
}

/// A command's end: its exit code and all that it printed.
pub fn end_of(command: &mut Command) -> (Option<i32>, String) {
    let output = command.output().expect("it runs");
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(!text.contains("planted"), "a secret is shown: {text}");
    (output.status.code(), text)
}

/// A daemon at work; ended when this is dropped.
pub struct Serving {
    child: Child,
    lines: Receiver<String>,
    pub webhooks: SocketAddr,
    pub metrics: SocketAddr,
}

impl Serving {
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
        let (told, lines) = channel();
        let log = BufReader::new(child.stderr.take().expect("piped"));
        std::thread::spawn(move || log.lines().map_while(Result::ok).try_for_each(|line| told.send(line)));
        let nowhere = ([127, 0, 0, 1], 0).into();
        let mut serving = Self { child, lines, webhooks: nowhere, metrics: nowhere };
        let ready = serving.wait_for("payoutd is ready");
        let address = |name: &str| ready[name].as_str().and_then(|text| text.parse().ok()).expect("an address");
        (serving.webhooks, serving.metrics) = (address("address"), address("metrics"));
        serving
    }

    /// The next log line with this message; nothing before it may show a secret.
    pub fn wait_for(&self, message: &str) -> serde_json::Value {
        let deadline = Instant::now() + PATIENCE;
        let mut before = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else { panic!("no line `{message}`, only {before:#?}") };
            assert!(!line.contains("planted"), "a secret is shown: {line}");
            let json: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            if json["message"] == message {
                return json;
            }
            before.push(line);
        }
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
    }

    pub fn ended(mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().expect("ours") {
                return status;
            }
            // The end of a process that is not waited for cannot be signalled without reaping it.
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("it does not end");
    }

    /// Every line that was not read yet, until the program has ended.
    #[allow(dead_code, reason = "for those who read all that was said")]
    pub fn lines_until_the_end(&self) -> Vec<String> {
        self.lines.iter().collect()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Status and body of an answer.
pub fn request(address: SocketAddr, head: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let length = body.len();
    let text = format!("{head}\r\nHost: test\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
    stream.write_all(text.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, body.to_owned())
}

pub fn get(address: SocketAddr, path: &str) -> (u16, String) {
    request(address, &format!("GET {path} HTTP/1.1"), "")
}

/// Sends an event that payoutd only keeps, signed with `secret`; answers the status.
pub fn send_event(address: SocketAddr, secret: &str, id: &str) -> u16 {
    send(address, secret, id, "plan.created", "{}")
}

/// Sends a charge that names no mentor: it is held, and the admin gets an email.
pub fn send_charge(address: SocketAddr, secret: &str, charge: &str) -> u16 {
    let now = chrono::Utc::now().timestamp();
    let object = format!(
        r#"{{"id":"{charge}","object":"charge","amount":5000,"amount_captured":5000,"amount_refunded":0,"currency":"usd",
        "captured":true,"paid":true,"status":"succeeded","created":{now},"livemode":false,"disputed":false,"refunded":false,
        "payment_intent":"pi_{charge}","balance_transaction":null,"billing_details":{{}},"metadata":{{}}}}"#
    );
    send(address, secret, &format!("evt_{charge}"), "charge.succeeded", &object)
}

fn send(address: SocketAddr, secret: &str, id: &str, kind: &str, object: &str) -> u16 {
    let now = chrono::Utc::now().timestamp();
    let body = format!(
        r#"{{"id":"{id}","object":"event","type":"{kind}","created":{now},"livemode":false,"data":{{"object":{object}}}}}"#
    );
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), format!("{now}.{body}").as_bytes());
    let tag: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let head = format!("POST /webhooks/stripe HTTP/1.1\r\nStripe-Signature: t={now},v1={tag}");
    request(address, &head, &body).0
}
