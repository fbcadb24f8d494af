//! The books on the command line: the audit with its exit codes, balances, reports for people and spreadsheets.

use crate::shown::with_payments;

#[test]
fn the_audit_says_what_differs_and_repairs_what_is_only_not_posted() {
    let program = with_payments();
    // Written by hand, as by a payoutd that had no ledger.
    let said = program.run(&["audit", "--limit", "3"]);
    assert_eq!((said.code, said.err.as_str()), (Some(1), ""));
    insta::assert_snapshot!("audit_differences", said.out);
    let said = program.run(&["audit", "--limit", "2", "--json"]);
    assert_eq!(said.code, Some(1));
    let found: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!(found["ok"], false);
    assert_eq!(found["payments"], 5);
    assert_eq!(found["differences"].as_array().map(Vec::len), Some(2));
    assert_eq!(found["differences_count"], 4 * 5, "four lines and a balance of four payments; one is not paid");

    // Told once a day, however often it is found.
    for _ in 0..2 {
        assert_eq!(program.run(&["audit", "--alert"]).code, Some(1));
    }
    let told = program.json(&["emails", "list", "--json"]);
    let kinds: Vec<_> = told.as_array().expect("a list").iter().map(|email| email["kind"].clone()).collect();
    assert_eq!(kinds, ["audit_difference"]);

    insta::assert_snapshot!("audit_repair", program.prints(&["audit", "--repair"]));
    let clean = program.json(&["audit", "--repair", "--json"]);
    assert_eq!(
        (&clean["ok"], &clean["posted_journals"], &clean["differences_count"]),
        (&true.into(), &0.into(), &0.into())
    );
}

#[test]
fn balances_of_a_mentor() {
    let program = with_payments();
    assert!(program.prints(&["mentor", "balance", "ada"]).contains("Mentor ada has no payments yet."));
    program.prints(&["audit", "--repair"]);
    insta::assert_snapshot!("mentor_balance", program.prints(&["mentor", "balance", "ada"]));
    let shown = program.json(&["mentor", "balance", "ada", "--json"]);
    assert_eq!(shown["balances"].as_array().map(Vec::len), Some(3));
    assert_eq!(program.json(&["mentor", "show", "ada", "--json"])["balances"], shown["balances"]);
    assert!(program.prints(&["mentor", "show", "ada"]).contains("AVAILABLE"));
    let said = program.run(&["mentor", "balance", "nobody"]);
    assert_eq!((said.code, said.out.as_str()), (Some(8), ""), "{said:?}");
}

#[test]
fn reports() {
    let program = with_payments();
    program.prints(&["audit", "--repair"]);
    let year = ["report", "--since", "2026-01-01", "--until", "2026-01-31", "--by", "month"];
    insta::assert_snapshot!("report", program.prints(&year));
    let with = |more: &'static str| [&year[..], &[more]].concat();
    let csv = program.prints(&with("--csv"));
    insta::assert_snapshot!("report_csv", csv.replace('\r', "␍"));
    let columns: Vec<usize> = csv.lines().map(|line| line.split(',').count()).collect();
    assert_eq!(columns, [13; 5]);
    let shown = program.json(&with("--json"));
    assert_eq!(shown["by"], "month");
    assert_eq!(shown["periods"][0]["period"], "2026-01");
    assert_eq!(shown["periods"][0]["success_rate_bps"], serde_json::Value::Null);
    assert_eq!(shown["pending_payouts"].as_array().map(Vec::len), Some(4));
    assert!(
        program.prints(&["report", "--since", "2025-01-01", "--until", "2025-01-31"]).contains("Nothing happened.")
    );
    assert_eq!(program.run(&["report", "--csv", "--json"]).code, Some(2));
    assert_eq!(program.run(&["report", "--since", "soon"]).code, Some(2));
}
