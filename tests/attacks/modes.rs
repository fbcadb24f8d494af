//! What the daemon writes, where, and who else may read it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::world::{SECRET, Serving, World, send_charge};

fn below(dir: &Path, into: &mut BTreeMap<PathBuf, u32>) {
    for entry in fs::read_dir(dir).expect("readable") {
        let path = entry.expect("readable").path();
        let about = fs::symlink_metadata(&path).expect("there");
        into.insert(path.clone(), about.permissions().mode() & 0o7777);
        if about.is_dir() {
            below(&path, into);
        }
    }
}

/// Given a daemon with the most careless of masks, when it works, then all that it writes is in its state directory, files
/// for their owner alone, and nothing beside: not in its home, its working directory or where temporary files lie.
#[test]
fn it_writes_its_state_directory_and_nothing_else() {
    let world = World::new();
    let empty = ["home", "work", "temporary"].map(|name| world.path(name));
    for dir in &empty {
        fs::create_dir(dir).expect("made");
    }
    let program = env!("CARGO_BIN_EXE_payoutd");
    let mut command = std::process::Command::new("sh");
    command.env_clear().current_dir(&empty[1]).env("HOME", &empty[0]).env("TMPDIR", &empty[2]);
    command.env("PAYOUTD_STATE_DIR", world.path("state")).env("PAYOUTD_RELEASE_SCHEDULE", "* * * * * *");
    let line = format!("umask 000; exec {program} --config {} serve", world.path("payoutd.toml").display());
    let serving = Serving::start(command.args(["-c", &line]));
    assert_eq!(send_charge(serving.webhooks, SECRET, "ch_1"), 200);
    // The email about it is written to a file.
    let mail = world.path("state/mail");
    let begun = std::time::Instant::now();
    while !fs::read_dir(&mail).is_ok_and(|mut files| files.next().is_some()) {
        assert!(begun.elapsed() < crate::world::PATIENCE, "no email");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let mut found = BTreeMap::new();
    below(&world.path("state"), &mut found);
    let state = fs::metadata(world.path("state")).expect("made").permissions().mode() & 0o7777;
    assert_eq!(state, 0o700);
    let files: Vec<_> = found.keys().map(|path| path.strip_prefix(world.path("state")).expect("below")).collect();
    for name in ["payoutd.db", "payoutd.db-wal", "payoutd.db.lock", "mail"] {
        assert!(files.contains(&Path::new(name)), "{files:?}");
    }
    for (path, mode) in &found {
        let wanted = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(*mode, wanted, "{} is {mode:o}", path.display());
    }
    for dir in &empty {
        assert_eq!(fs::read_dir(dir).expect("readable").count(), 0, "{}", dir.display());
    }
    // Which files it has open for writing: those, its log, and sockets.
    let open = fs::read_dir(format!("/proc/{}/fd", serving.pid())).expect("it runs");
    let open = open.filter_map(|fd| fs::read_link(fd.ok()?.path()).ok());
    let elsewhere: Vec<_> = open.filter(|path| path.is_absolute() && !path.starts_with(world.path("state"))).collect();
    assert!(elsewhere.iter().all(|path| path.starts_with("/dev") || path.starts_with("/proc")), "{elsewhere:?}");
}

/// Given the shipped unit, then systemd lets the daemon write its state directory and nothing else.
#[test]
fn the_unit_opens_no_other_path() {
    let unit =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd/payoutd.service")).expect("shipped");
    let lines: Vec<&str> = unit.lines().map(str::trim).collect();
    for line in
        ["ProtectSystem=strict", "StateDirectory=payoutd", "StateDirectoryMode=0700", "UMask=0077", "PrivateTmp=yes"]
    {
        assert!(lines.contains(&line), "no {line}");
    }
    let opening = [
        "ReadWritePaths",
        "BindPaths",
        "CacheDirectory",
        "LogsDirectory",
        "ConfigurationDirectory",
        "RuntimeDirectory",
    ];
    for name in opening {
        assert!(!lines.iter().any(|line| line.starts_with(name)), "{name}");
    }
}
