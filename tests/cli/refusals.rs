//! Bad input: the message names what is wrong and what to do, the code is not 0, nothing panics, no secret is shown.

use std::net::TcpListener;

use diesel::prelude::*;

use crate::program::Program;

/// Each of these words stands in what it said.
fn says(said: &str, words: &[&str]) {
    assert!(said.starts_with("payoutd: ") || said.starts_with("error: "), "{said}");
    for word in words {
        assert!(said.contains(word), "`{word}` is not in: {said}");
    }
}

fn sql(program: &Program, statement: &str) {
    let mut conn = SqliteConnection::establish(&program.database().to_string_lossy()).expect("there");
    diesel::sql_query(statement).execute(&mut conn).expect("written");
}

fn migrated() -> Program {
    let program = Program::new();
    program.prints(&["migrate"]);
    program
}

#[test]
fn a_payment_that_does_not_exist() {
    let program = migrated();
    for command in [&["explain", "42"][..], &["retry", "42"], &["hold", "42", "--reason", "why"]] {
        says(&program.refuses(command), &["no payment `42`", "pi_", "booking"]);
    }
    says(&program.refuses(&["explain", "pi_nothing"]), &["no payment `pi_nothing`"]);
    says(&program.refuses(&["explain", "99999999999999999999"]), &["no payment `99999999999999999999`"]);
    says(&program.refuses(&["explain", "Robert'); DROP TABLE payments; --"]), &["no payment"]);
}

#[test]
fn a_mentor_who_does_not_exist() {
    says(&migrated().refuses(&["mentor", "show", "nobody"]), &["no mentor `nobody`", "mentor list"]);
}

#[test]
fn holds_without_a_subject_or_a_reason() {
    let program = migrated();
    says(&program.refuses(&["hold", "--reason", "why"]), &["PAYMENT"]);
    says(&program.refuses(&["hold", "1"]), &["--reason"]);
    says(&program.refuses(&["hold", "1", "--reason", ""]), &["--reason"]);
    says(&program.refuses(&["hold", "1", "--mentor", "ada", "--reason", "why"]), &["cannot be used with"]);
}

#[test]
fn a_port_in_use() {
    let program = Program::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = taken.local_addr().expect("bound").to_string();
    program.configure(&format!("[webhook]\nlisten = {address:?}\n"));
    let said = program.run(&["serve"]);
    assert_eq!(said.code, Some(6), "{said:?}");
    says(said.err.lines().last().expect("words"), &[&address, "webhook.listen"]);
}

#[test]
fn a_database_that_cannot_be_reached() {
    let program = Program::new();
    let nobody = TcpListener::bind("127.0.0.1:0").expect("loopback").local_addr().expect("bound").port();
    let url = format!("postgres://payoutd:do_not_print_me@127.0.0.1:{nobody}/payoutd");
    program.configure(&format!("[database]\nurl = {url:?}\n"));
    for command in [&["status"][..], &["migrate"], &["serve"], &["run"], &["explain", "1"]] {
        let said = program.refuses(command);
        says(said.lines().last().expect("words"), &["cannot be reached", "database.url", "DATABASE_URL"]);
    }
}

#[test]
fn a_place_for_the_database_that_cannot_be() {
    let program = Program::new();
    let inside_a_file = program.config().join("payoutd.db");
    program.configure(&format!("[database]\nurl = \"sqlite://{}\"\n", inside_a_file.display()));
    says(&program.refuses(&["migrate"]), &["database", "payoutd.toml"]);
}

#[test]
fn a_pending_migration_where_only_a_person_migrates() {
    let program = Program::new();
    program.configure("[database]\nmigrate = \"manual\"\n");
    for command in ["serve", "run"] {
        says(program.refuses(&[command]).lines().last().expect("words"), &["payoutd migrate"]);
    }
    says(&program.refuses(&["status"]), &["payoutd migrate"]);
    let would = program.prints(&["migrate", "--dry-run"]);
    assert!(would.contains("would run"), "{would}");
    program.prints(&["migrate"]);
    assert!(program.prints(&["migrate"]).contains("up to date"));
    program.prints(&["status"]);
}

#[test]
fn a_database_of_a_newer_payoutd() {
    let program = migrated();
    sql(&program, "INSERT INTO __diesel_schema_migrations (version) VALUES ('20990101000001')");
    for command in [&["serve"][..], &["run"], &["status"], &["migrate"], &["migrate", "--dry-run"]] {
        says(program.refuses(command).lines().last().expect("words"), &["20990101000001", "newer"]);
    }
}

#[test]
fn a_file_that_is_no_configuration() {
    let program = Program::new();
    for (text, words) in [
        ("[stripe\nsecret_key = 1", &["payoutd.toml:2", "unclosed table"][..]),
        ("[fees]\nplatform_fee_bps = 10001\n", &["fees.platform_fee_bps", "above 100 %", "10000"]),
        ("[fees]\nplatform_fee_bps = -1\n", &["fees.platform_fee_bps"]),
        ("[fees]\nplatform_fee_bsp = 1000\n", &["platform_fee_bsp", "platform_fee_bps"]),
        ("[windwo]\n", &["unknown section `windwo`", "did you mean `[window]`?"]),
        ("[window]\ndispute_window = 72\n", &["window.dispute_window", "no unit"]),
        ("[release]\nschedule = \"every minute\"\n", &["release.schedule", "every minute"]),
    ] {
        program.write(&format!("state_dir = {:?}\n{text}", program.dir()));
        says(program.refuses(&["serve"]).trim_end(), words);
    }
    std::fs::write(program.config(), b"\xff\xfe").expect("writable");
    says(&program.refuses(&["status"]), &["payoutd.toml", "UTF-8"]);
}

#[test]
fn a_configuration_that_is_not_there() {
    let program = Program::new();
    std::fs::remove_file(program.config()).expect("there");
    says(&program.refuses(&["status"]), &["payoutd.toml"]);
}

#[test]
fn a_live_key_over_plain_http() {
    let program = Program::new();
    let live = [("STRIPE_SECRET_KEY", "sk_live_do_not_print_me"), ("STRIPE_API_BASE", "http://127.0.0.1:12111")];
    for command in ["serve", "run", "status"] {
        let said = program.run_in(&[command], &live);
        assert_eq!((said.code, said.out.as_str()), (Some(3), ""));
        says(&said.err, &["STRIPE_API_BASE", "https://api.stripe.com"]);
    }
}

#[test]
fn what_the_daemon_needs_and_a_command_does_not() {
    let program = Program::new();
    program.write(&format!("state_dir = {:?}\n", program.dir()));
    program.prints(&["migrate"]);
    program.prints(&["status"]);
    says(&program.refuses(&["serve"]), &["STRIPE_SECRET_KEY"]);
    says(&program.refuses(&["run"]), &["STRIPE_SECRET_KEY"]);
}

#[test]
fn a_retry_of_what_has_not_failed() {
    let program = migrated();
    sql(
        &program,
        "INSERT INTO payments (payment_key, livemode, collection, currency, amount, platform_fee, mentor_amount, \
         platform_fee_bps) VALUES ('pi_1', false, 'awaiting', 'usd', 100, 10, 90, 1000)",
    );
    says(&program.refuses(&["retry", "1"]), &["payment 1 is pending, not failed", "payoutd explain 1"]);
}
