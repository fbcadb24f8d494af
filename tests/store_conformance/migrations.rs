//! Migrations: run once, compared before anything is written, and never run backwards into a newer database.

use std::path::Path;

use payoutd::ports::{Store, StoreError};
use payoutd::store::SchemaState;
use serde_json::json;

use crate::sql::Sql;
use crate::support::{TestDb, on_both_databases};
use crate::world::open;

const TABLES: [&str; 29] = [
    "accounts",
    "api_writes",
    "audit_log",
    "continuity",
    "daily_chores",
    "debt_entries",
    "discrepancies",
    "disputes",
    "emails",
    "holds",
    "ledger_entries",
    "ledger_journals",
    "mentor_debts",
    "mentors",
    "operation_attempts",
    "operations",
    "payment_counts",
    "payment_sources",
    "payments",
    "payout_requests",
    "payouts",
    "refund_requests",
    "refunds",
    "retention",
    "runs",
    "sweeps",
    "transfers",
    "used_tokens",
    "webhook_events",
];

fn versions_of(kind: &str) -> Vec<String> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(kind);
    let names = std::fs::read_dir(dir).expect("migrations").map(|entry| entry.expect("readable").file_name());
    let version = |name: std::ffi::OsString| {
        let name = name.into_string().expect("UTF-8");
        name.split('_').next().expect("a version").replace('-', "")
    };
    let mut versions: Vec<String> = names.map(version).collect();
    versions.sort();
    versions
}

fn all_versions(db: &TestDb) -> Vec<String> {
    versions_of(if db.is_postgres() { "postgres" } else { "sqlite" })
}

/// Tables and columns, as the database tells them.
async fn shape(sql: &Sql) -> Vec<(String, Vec<String>)> {
    let mut shape = Vec::new();
    for table in TABLES {
        shape.push((table.to_owned(), sql.columns(table).await));
    }
    shape
}

on_both_databases! {
    /// Given an empty database, when it is migrated twice, then the second time does nothing.
    async fn running_them_twice_does_nothing(db: TestDb) {
        let store = open(db.url());
        let versions = all_versions(&db);
        assert_eq!(store.schema_state().await.expect("read"), SchemaState { pending: versions.clone(), unknown: vec![] });
        let refusal = store.check().await.expect_err("not migrated").to_string();
        assert_eq!(refusal, format!(
            "the database lacks {} migration(s), the first is {}: run `payoutd migrate`, or start the daemon with \
             database.migrate = \"auto\", its default",
            versions.len(), versions[0]));

        assert_eq!(store.migrate().await.expect("migrated"), versions);
        assert_eq!(store.schema_state().await.expect("read"), SchemaState { pending: vec![], unknown: vec![] });
        store.check().await.expect("current");
        let before = shape(&Sql::open(db.url()).await).await;
        assert_eq!(store.migrate().await.expect("nothing to do"), Vec::<String>::new());
        assert_eq!(shape(&Sql::open(db.url()).await).await, before);
    }

    /// Given two daemons that start at once on an empty database, then one of them migrates, and both are content.
    async fn two_daemons_migrate_at_once(db: TestDb) {
        let (one, two) = (open(db.url()), open(db.url()));
        let (first, second) = tokio::join!(one.migrate(), two.migrate());
        let run = [first.expect("migrated"), second.expect("migrated")].concat();
        assert_eq!(run, all_versions(&db), "each migration once");
        one.check().await.expect("current");
    }

    /// Given a database that a newer payoutd has migrated, then this one refuses to touch it.
    async fn a_newer_database_is_refused(db: TestDb) {
        let store = open(db.url());
        store.migrate().await.expect("migrated");
        let sql = Sql::open(db.url()).await;
        sql.run("INSERT INTO __diesel_schema_migrations (version) VALUES ('20991231000001')").await;
        // One of ours is missing too: not even that is run.
        let first = all_versions(&db).remove(0);
        sql.run(&format!("DELETE FROM __diesel_schema_migrations WHERE version = '{first}'")).await;
        let before = shape(&sql).await;
        let words = "the database was migrated by a newer payoutd (it has 20991231000001): \
            install that version or a later one";
        for refusal in [store.migrate().await.map(|_| ()), store.check().await] {
            let refusal = refusal.expect_err("newer");
            assert!(matches!(refusal, StoreError::Schema(_)));
            assert_eq!(refusal.to_string(), words);
        }
        assert_eq!(shape(&sql).await, before);
        assert_eq!(sql.count("__diesel_schema_migrations").await, i64::try_from(all_versions(&db).len()).expect("few"));
    }

    /// Given a migrated database, when the migration is taken back, then nothing of it is left, and it can be run again.
    async fn the_way_back_leaves_nothing(db: TestDb) {
        let store = open(db.url());
        store.migrate().await.expect("migrated");
        drop(store);
        let sql = Sql::open(db.url()).await;
        let kind = if db.is_postgres() { "postgres" } else { "sqlite" };
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(kind);
        let mut dirs: Vec<_> = std::fs::read_dir(root).expect("migrations").map(|e| e.expect("readable").path()).collect();
        dirs.sort();
        for dir in dirs.iter().rev() {
            sql.run(&std::fs::read_to_string(dir.join("down.sql")).expect("a way back")).await;
        }
        let left = if db.is_postgres() {
            "(SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace \
              AND relname NOT LIKE '\\_\\_diesel%' UNION ALL \
              SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace) AS names"
        } else {
            "sqlite_master WHERE name NOT LIKE '\\_\\_diesel%' ESCAPE '\\' AND name NOT LIKE 'sqlite%'"
        };
        assert_eq!(sql.rows("name", left).await, Vec::<Vec<serde_json::Value>>::new());
        sql.run("DELETE FROM __diesel_schema_migrations").await;
        assert_eq!(open(db.url()).migrate().await.expect("again"), all_versions(&db));
    }

    /// Given a database of the first version with an operation in it, when it is migrated, then nothing of it is lost and
    /// its rules still hold.
    async fn what_was_recorded_before_is_kept(db: TestDb) {
        let sql = Sql::open(db.url()).await;
        let kind = if db.is_postgres() { "postgres" } else { "sqlite" };
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(kind);
        sql.run("CREATE TABLE __diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY NOT NULL, \
            run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)").await;
        for (dir, version) in [("2026-11-20-000001_foundation", "20261120000001"), ("2026-11-20-000002_cron", "20261120000002")] {
            sql.run(&std::fs::read_to_string(root.join(dir).join("up.sql")).expect("readable")).await;
            sql.run(&format!("INSERT INTO __diesel_schema_migrations (version) VALUES ('{version}')")).await;
        }
        let at = "'2026-11-20T12:00:00.000Z'";
        sql.run(&format!("INSERT INTO payments (payment_key, livemode, collection, mentor_id, currency, amount, platform_fee, \
                mentor_amount, platform_fee_bps) VALUES ('pi_1', false, 'paid', 'm1', 'usd', 10000, 1000, 9000, 1000);
            INSERT INTO operations (kind, payment_id, mentor_id, generation, idempotency_key, amount, currency, parameters, \
                state, stripe_id, created_at, updated_at) VALUES ('transfer', 1, 'm1', 1, 'key 1', 9000, 'usd', \
                '{{\"amount\": 9000}}', 'confirmed', 'tr_1', {at}, {at});
            INSERT INTO operation_attempts (operation_id, kind, started_at, duration_ms) VALUES (1, 'create', {at}, 5)")).await;
        open(db.url()).migrate().await.expect("migrated");
        let kept = sql.row("kind, idempotency_key, state, stripe_id, cause", "operations").await;
        assert_eq!(kept, [json!("transfer"), json!("key 1"), json!("confirmed"), json!("tr_1"), json!("")]);
        assert_eq!(sql.row("operation_id, duration_ms", "operation_attempts").await, [json!(1), json!(5)]);
        for refused in [
            "DELETE FROM operation_attempts",
            "UPDATE operations SET amount = 1",
            "INSERT INTO operation_attempts (operation_id, kind, started_at, duration_ms) VALUES (9, 'create', '2026-11-20', 5)",
            "UPDATE payments SET status = 'nonsense'",
        ] {
            sql.refusal_of(refused).await;
        }
        sql.run("UPDATE payments SET status = 'netted'").await;
    }

    /// Given the tables that the queries are compiled for, then the database has the same columns, with the same
    /// nullability.
    async fn the_compiled_tables_are_the_databases(db: TestDb) {
        open(db.url()).migrate().await.expect("migrated");
        let sql = Sql::open(db.url()).await;
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/schema.rs");
        let compiled = compiled_tables(&std::fs::read_to_string(source).expect("readable"));
        assert_eq!(compiled.iter().map(|(table, _)| table.as_str()).collect::<Vec<_>>(), TABLES);
        for (table, columns) in compiled {
            assert_eq!(nullability(&sql, &table).await, columns, "{table}");
        }
    }
}

/// Names and columns of the tables in `schema.rs`, sorted; a column with whether it may be null.
fn compiled_tables(source: &str) -> Vec<(String, Vec<(String, bool)>)> {
    let mut tables: Vec<(String, Vec<(String, bool)>)> = Vec::new();
    let body = source.split("\ntables! {").nth(1).expect("the tables").split("\n}").next().expect("their end");
    let mut named: Option<String> = None;
    for line in body.lines().map(str::trim) {
        if let Some((name, kind)) = line.split_once(" -> ") {
            let name = named.take().unwrap_or_else(|| name.to_owned());
            let (_, columns) = tables.last_mut().expect("inside a table");
            columns.push((name, kind.starts_with("Nullable")));
        } else if let Some((_, sql_name)) = line.split_once("sql_name = \"") {
            named = Some(sql_name.split('"').next().expect("quoted").to_owned());
        } else if let Some((table, _)) = line.split_once(" (").filter(|_| line.ends_with('{')) {
            tables.push((table.to_owned(), Vec::new()));
        }
    }
    tables.iter_mut().for_each(|(_, columns)| columns.sort());
    tables.sort();
    tables
}

async fn nullability(sql: &Sql, table: &str) -> Vec<(String, bool)> {
    let from = if sql.is_postgres() {
        format!(
            "(SELECT column_name::text AS name, is_nullable = 'YES' AS nullable FROM information_schema.columns \
             WHERE table_name = '{table}') AS c"
        )
    } else {
        // A primary key of SQLite may not say that it is not null, and is not for payoutd.
        format!("(SELECT name, \"notnull\" = 0 AND pk = 0 AS nullable FROM pragma_table_info('{table}')) AS c")
    };
    let rows = sql.rows("name, nullable", &from).await;
    let mut columns: Vec<(String, bool)> =
        rows.into_iter().map(|row| (row[0].as_str().expect("a name").to_owned(), row[1] == json!(1))).collect();
    columns.sort();
    columns
}
