//! The state directory: whose it is, and whether the daemon can write there. Nothing is made in it.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Access, access};

use super::{CheckState, Finding};
use crate::app::lock;
use crate::config::{Config, DatabaseUrl};

const NAME: &str = "state directory";

pub(super) fn look(config: &Config) -> Finding {
    let looked = writable(NAME, &config.state_dir);
    match &config.database.url {
        // Root looks at a daemon that runs as the directory's user, as under systemd.
        DatabaseUrl::Sqlite { path }
            if looked.state == CheckState::Warn && matches!(lock::holder(path), lock::Holder::Daemon(_)) =>
        {
            Finding::ok(NAME, looked.found)
        }
        _ => looked,
    }
}

/// Whether files can be made in `dir`, or `dir` itself be made.
pub(super) fn writable(name: &'static str, dir: &Path) -> Finding {
    let shown = dir.display();
    let Some(nearest) = nearest(dir) else {
        return Finding::fail(name, format!("{shown}: nothing on its way is there"), "set state_dir to another");
    };
    let about = match nearest.metadata() {
        Ok(about) if about.is_dir() => about,
        Ok(_) => {
            return Finding::fail(
                name,
                format!("{} is not a directory", nearest.display()),
                "set state_dir to another",
            );
        }
        Err(why) => return Finding::fail(name, format!("{}: {why}", nearest.display()), "set state_dir to another"),
    };
    let (owner, ours) = (about.uid(), rustix::process::geteuid().as_raw());
    if ours == 0 && owner != 0 {
        let found = format!("{} belongs to user {owner}, and this is root", nearest.display());
        return Finding::warn(name, found, format!("run the daemon as user {owner}, as systemd's unit does by itself"));
    }
    if let Err(why) = access(nearest, Access::WRITE_OK | Access::EXEC_OK) {
        let found = format!("{} belongs to user {owner}, and this is user {ours}: {why}", nearest.display());
        let fix = format!("run payoutd as user {owner}, `chown -R {ours}` it, or set state_dir to another directory");
        return Finding::fail(name, found, fix);
    }
    match nearest == dir || dir.as_os_str().is_empty() {
        true => Finding::ok(name, format!("{shown} is writable for user {ours}")),
        false => Finding::ok(name, format!("{shown} will be made")),
    }
}

/// The directory itself, or the nearest one above it that is there.
fn nearest(dir: &Path) -> Option<&Path> {
    let here = |path: &&Path| !path.as_os_str().is_empty();
    let above = dir.ancestors().filter(here).find(|path| path.exists());
    above.or_else(|| dir.is_relative().then_some(Path::new(".")))
}
