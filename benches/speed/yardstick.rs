//! What the database alone does with the same rows, one item a commit: pgbench with eight clients.

use std::process::Command;

use super::cluster::Database;

/// Its clients.
pub const CLIENTS: usize = 8;

/// Runs a script for so many items; answers items a second.
pub fn pgbench(database: &Database, script: &str, items: usize, variables: &[(&str, i64)]) -> f64 {
    let program = std::env::var("PAYOUTD_BENCH_PGBENCH").unwrap_or_else(|_| "pgbench".to_owned());
    let file = format!("{}/benches/yardstick/{script}.sql", env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(program);
    command.args(["-n", "-M", "prepared", "-j", "2", "-f", &file]);
    command.args(["-c", &CLIENTS.to_string(), "-t", &(items / CLIENTS).to_string(), "-D", "n=0"]);
    for (name, value) in variables {
        command.args(["-D", &format!("{name}={value}")]);
    }
    let output = command.arg(&database.url).output().expect("pgbench runs");
    let (told, wrong) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && !wrong.contains("ERROR"), "pgbench: {wrong}");
    let rate = told.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    rate.unwrap_or_else(|| panic!("no rate: {told}"))
}
