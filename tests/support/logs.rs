//! What the daemons within a test log, kept for `tests/run`, which searches it for secrets.

use std::fs::File;
use std::path::PathBuf;
use std::sync::{Mutex, Once};

use tracing_subscriber::EnvFilter;

/// Has everything that payoutd says, and what matters of others, written to a file of this process in the directory that
/// `PAYOUTD_TEST_LOGS` names; without that, nothing.
pub fn begin() {
    static BEGUN: Once = Once::new();
    let Some(dir) = std::env::var_os("PAYOUTD_TEST_LOGS").map(PathBuf::from) else { return };
    BEGUN.call_once(|| {
        let path = dir.join(format!("{}.log", std::process::id()));
        let file = File::options().create(true).append(true).open(path).expect("a log");
        let lines = tracing_subscriber::fmt().json().with_env_filter(EnvFilter::new("info,payoutd=trace"));
        // A test that looks at the log itself was first.
        let _ = lines.with_writer(Mutex::new(file)).try_init();
    });
}
