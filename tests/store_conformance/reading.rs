//! What a step read, as PostgreSQL itself counted it: in the plans of the statements that ran, and in its statistics.

use payoutd::store::Database;
use serde_json::Value;

use crate::world::{World, open};

/// Waits until the statistics of all other connections are in: they are told when a connection ends.
async fn alone(w: &World) {
    let others = "pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
        AND backend_type = 'client backend'";
    while w.sql.count(others).await > 0 {
        tokio::task::yield_now().await;
    }
}

/// Sequential scans begun and rows fetched through indexes so far, by table.
async fn reads(w: &World) -> Vec<(String, i64, i64)> {
    let columns = "relname, seq_scan, coalesce(idx_tup_fetch, 0)";
    let small = SMALL.map(|table| format!("'{table}'")).join(", ");
    let large = format!("pg_stat_user_tables WHERE relname NOT IN ({small}) ORDER BY relname");
    let rows = w.sql.rows(columns, &large).await;
    let number = |value: &Value| value.as_i64().expect("a number");
    rows.iter().map(|row| (row[0].as_str().expect("a name").to_owned(), number(&row[1]), number(&row[2]))).collect()
}

/// What a step read.
pub struct Reading {
    /// Sequential scans and rows by index, of the tables that were read.
    tables: Vec<(String, i64, i64)>,
    pub plans: Vec<Plan>,
}

pub struct Plan {
    pub statement: String,
    pub root: Value,
}

impl Plan {
    pub fn nodes(&self) -> Vec<&Value> {
        let mut nodes = vec![&self.root];
        let mut at = 0;
        while at < nodes.len() {
            nodes.extend(nodes[at]["Plans"].as_array().into_iter().flatten());
            at += 1;
        }
        nodes
    }

    /// Rows that its scans looked at, those that they threw away included.
    pub fn rows_read(&self) -> i64 {
        let number = |node: &Value, field: &str| node[field].as_f64().unwrap_or(0.0).round() as i64;
        let scans = self.nodes().into_iter().filter(|node| node.get("Relation Name").is_some());
        let read = |node: &Value| {
            let gone = ["Rows Removed by Filter", "Rows Removed by Index Recheck"].map(|field| number(node, field));
            (number(node, "Actual Rows") + gone.iter().sum::<i64>()) * number(node, "Actual Loops").max(1)
        };
        // The node that writes names the relation too.
        scans.filter(|node| node["Node Type"] != "ModifyTable").map(read).sum()
    }

    pub fn seq_scans(&self) -> Vec<&Value> {
        let small = |node: &Value| SMALL.iter().any(|table| node["Relation Name"] == *table);
        let scans = |node: &&Value| node["Node Type"] == "Seq Scan" && !small(node);
        self.nodes().into_iter().filter(scans).collect()
    }
}

/// Tables that are read as a whole, since they stay small: one row, what is added up again and again, and five rows.
pub const SMALL: [&str; 4] = ["continuity", "payment_counts", "retention", "sweeps"];

/// Lets a store of its own do something, with PostgreSQL logging the plan of each statement as it ran.
pub async fn reading<T>(w: &World, step: impl AsyncFnOnce(&Database) -> T) -> (T, Reading) {
    alone(w).await;
    let log = "(SELECT current_setting('data_directory') || '/server.log' AS path) AS log";
    let offset = w.sql.value("(pg_stat_file(path)).size", log).await;
    let before = reads(w).await;
    let store = open(w.url());
    let done = step(&store).await;
    drop(store);
    alone(w).await;
    let after = reads(w).await;
    let text = w.sql.value(&format!("pg_read_file(path, {offset}, 100000000)"), log).await;
    let plans = plans_in(text.as_str().expect("text"));
    assert!(!plans.is_empty(), "PostgreSQL logged no plan");
    let grown = before.into_iter().zip(after).map(|(b, a)| (b.0, a.1 - b.1, a.2 - b.2));
    (done, Reading { tables: grown.filter(|(_, scans, rows)| scans + rows > 0).collect(), plans })
}

pub async fn log_plans(w: &World) {
    let name = w.sql.value("current_database()::text", "(SELECT 1) AS one").await;
    for (setting, value) in [
        ("session_preload_libraries", "auto_explain"),
        ("auto_explain.log_min_duration", "0"),
        ("auto_explain.log_analyze", "on"),
        ("auto_explain.log_buffers", "on"),
        ("auto_explain.log_timing", "off"),
        ("auto_explain.log_nested_statements", "on"),
        ("auto_explain.log_format", "json"),
    ] {
        let name = name.as_str().expect("a name");
        w.sql.run(&format!("LOAD 'auto_explain'; ALTER DATABASE \"{name}\" SET {setting} = '{value}'")).await;
    }
}

/// `… LOG:  duration: 0.1 ms  plan:`, and the plan on the lines after it, which begin with a tab.
fn plans_in(log: &str) -> Vec<Plan> {
    let mut plans = Vec::new();
    let mut lines = log.lines().peekable();
    while let Some(line) = lines.next() {
        if !line.ends_with("plan:") {
            continue;
        }
        let mut text = String::new();
        while let Some(line) = lines.next_if(|line| line.starts_with('\t')) {
            text.push_str(line);
        }
        let plan: Value = serde_json::from_str(&text).unwrap_or_else(|why| panic!("{why}: {text}"));
        let statement = plan["Query Text"].as_str().expect("text").to_owned();
        plans.push(Plan { statement, root: plan["Plan"].clone() });
    }
    plans
}

pub fn assert_reads_little(what: &str, reading: &Reading, most_rows: i64) {
    for plan in &reading.plans {
        assert!(plan.seq_scans().is_empty(), "{what} scans a whole table: {}\n{:#}", plan.statement, plan.root);
    }
    let by_plans: i64 = reading.plans.iter().map(Plan::rows_read).sum();
    let (scans, by_index) = reading.tables.iter().fold((0, 0), |sum, table| (sum.0 + table.1, sum.1 + table.2));
    assert_eq!(scans, 0, "{what}: {:?}", reading.tables);
    assert!(by_index <= most_rows, "{what}: {:?}", reading.tables);
    assert!(by_plans <= most_rows, "{what}: {by_plans} rows by the plans");
}
