//! Asking for refunds and saying that sessions took place, from the command line.

use serde_json::json;

use crate::desk::with_rows;

#[test]
fn a_refund_is_asked_for_once_and_refused_where_it_cannot_be() {
    let program = with_rows();
    let ask = ["refund", "B-window", "--amount", "2000", "--reason", "cut short", "--key", "ticket-1", "--json"];
    let first = program.json(&ask);
    assert_eq!(
        (&first["state"], &first["amount"], &first["requested_by"]),
        (&json!("open"), &json!(2_000), &json!("zoe"))
    );
    assert_eq!(program.json(&ask), first, "the same key is the same request");
    let other = ["refund", "B-window", "--reason", "all of it", "--key", "ticket-1"];
    assert!(program.refuses(&other).contains("asks for something else; nothing was recorded"));
    for (extra, words) in [
        (["--amount", "12001"], "12,001 JPY is more than the 12,000 JPY that are left"),
        (["--amount", "0"], "0 is no amount to refund"),
        (["--amount", "-5"], "-5 is no amount to refund"),
        (["--currency", "usd"], "asked for in usd, but the payment was made in jpy"),
    ] {
        let args = [["refund", "B-window"], extra, ["--reason", "x"]].concat();
        let said = program.refuses(&args);
        assert!(said.contains(words), "{extra:?}: {said}");
    }
    let both = program.run(&["refund", "2", "--amount", "1", "--policy", "--reason", "x"]);
    assert_eq!(both.code, Some(2), "{both:?}");
    let nobody = program.run(&["refund", "B-nobody", "--reason", "x"]);
    assert_eq!(nobody.code, Some(8), "{nobody:?}");
    let explained = program.prints(&["explain", "B-window"]);
    assert!(
        explained.contains("refund_asked") && explained.contains("2000 in minor units, cut short; open"),
        "{explained}"
    );
}

#[test]
fn a_session_is_completed_once() {
    let program = with_rows();
    let at = ["complete", "B-window", "--at", "2026-01-02T13:00:00Z", "--json"];
    let said = program.json(&at);
    assert_eq!(said, json!({ "payment": 2, "session_completed_at": "2026-01-02T13:00:00Z", "recorded": true }));
    assert!(program.prints(&["complete", "B-window"]).contains("2026-01-02 13:00:00 UTC already; nothing changed"));
    assert_eq!(program.run(&["complete", "B-nobody"]).code, Some(8));
}
