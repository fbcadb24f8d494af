//! The program in a directory of its own, with nothing of this machine's environment.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// What a live key looks like; it must never be printed.
pub const SECRET: &str = "sk_test_do_not_print_me_4242";
pub const WEBHOOK_SECRET: &str = "whsec_do_not_print_me_either";

pub struct Program {
    dir: TempDir,
}

/// What a call came to.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Program {
    /// With a working configuration: SQLite, mail as files, Stripe at a port where nothing listens.
    pub fn new() -> Program {
        let program = Program { dir: tempfile::tempdir().expect("a temporary directory") };
        program.configure("");
        program
    }

    /// Writes the configuration with these sections besides.
    pub fn configure(&self, more: &str) {
        self.write(&format!("{}{more}", self.base()));
    }

    /// The working configuration.
    pub fn base(&self) -> String {
        format!(
            "state_dir = {:?}\n[stripe]\nsecret_key = {SECRET:?}\nwebhook_secrets = [{WEBHOOK_SECRET:?}]\n\
             api_base = \"http://127.0.0.1:9\"\n[mail]\ntransport = \"file\"\nfrom = \"payouts@example.com\"\n\
             admin_email = \"admin@example.com\"\n",
            self.dir.path()
        )
    }

    pub fn write(&self, text: &str) {
        std::fs::write(self.config(), text).expect("writable");
        // It holds secrets.
        std::fs::set_permissions(self.config(), std::fs::Permissions::from_mode(0o600)).expect("it is ours");
    }

    pub fn config(&self) -> PathBuf {
        self.dir.path().join("payoutd.toml")
    }

    pub fn database(&self) -> PathBuf {
        self.dir.path().join("payoutd.db")
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Runs it on this configuration.
    pub fn run(&self, args: &[&str]) -> Said {
        self.run_in(args, &[])
    }

    /// Runs it with this environment, and no other.
    pub fn run_in(&self, args: &[&str], env: &[(&str, &str)]) -> Said {
        let mut command = bare();
        command.arg("--config").arg(self.config()).args(args).envs(env.iter().copied());
        self.said(command.output().expect("the program runs"))
    }

    /// Runs it, and expects success and nothing on standard error.
    pub fn prints(&self, args: &[&str]) -> String {
        let said = self.run(args);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{args:?}: {}", said.out);
        said.out
    }

    /// Runs it, and expects JSON.
    pub fn json(&self, args: &[&str]) -> serde_json::Value {
        let out = self.prints(args);
        serde_json::from_str(&out).unwrap_or_else(|why| panic!("{args:?}: {why}: {out}"))
    }

    /// Runs it, and expects it to refuse: with a code, without a panic, and without a secret. Answers its words.
    pub fn refuses(&self, args: &[&str]) -> String {
        let said = self.run(args);
        assert!(said.code.is_some_and(|code| code != 0), "{args:?}: {said:?}");
        assert_eq!(said.out, "", "{args:?}");
        said.err
    }

    fn said(&self, output: Output) -> Said {
        let said = said(output);
        for (stream, text) in [("out", &said.out), ("err", &said.err)] {
            assert!(!text.contains("do_not_print_me"), "a secret on std{stream}: {text}");
            assert!(!text.contains("panicked"), "a panic on std{stream}: {text}");
        }
        said
    }

    /// Without what differs from one run to the next.
    pub fn redact(&self, text: &str) -> String {
        redact(&text.replace(&self.dir.path().display().to_string(), "DIR"))
    }
}

/// The program with an empty environment.
pub fn bare() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_payoutd"));
    command.env_clear().env("USER", "zoe");
    command
}

pub fn said(output: Output) -> Said {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// Times become `TIME`, ids of Stripe lose their random part, what gets older by the day is `N` days old. Columns keep their
/// width.
pub fn redact(text: &str) -> String {
    let mut redacted = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphanumeric()) {
        redacted.push_str(&rest[..start]);
        rest = &rest[start..];
        let word = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let time = time_at(rest);
        if time > 0 {
            redacted.push_str(&format!("{:<time$}", "TIME"));
            rest = &rest[time..];
            continue;
        }
        let id =
            ["pi_", "ch_", "cs_test_", "tr_", "acct_", "evt_"].iter().find(|prefix| rest[..word].starts_with(**prefix));
        match id {
            Some(prefix) => redacted.push_str(&format!("{:<word$}", format!("{prefix}ID"))),
            None if rest[word..].starts_with(" days, pay it out") => redacted.push('N'),
            None => redacted.push_str(&rest[..word]),
        }
        rest = &rest[word..];
    }
    redacted + rest
}

/// The length of `2026-11-20 12:00:00 UTC` at the start of a text, 0 where there is none.
fn time_at(text: &str) -> usize {
    let shape = "dddd-dd-dd dd:dd:dd UTC";
    let fits = |(have, want): (char, char)| if want == 'd' { have.is_ascii_digit() } else { have == want };
    let long = text.chars().count() >= shape.len();
    if long && text.chars().zip(shape.chars()).all(fits) { shape.len() } else { 0 }
}
