//! Asking for withdrawals from the command line.

use serde_json::json;

use crate::desk::with_rows;

#[test]
fn a_withdrawal_is_asked_for_once_and_refused_where_it_cannot_be() {
    let program = with_rows();
    program.prints(&["mentor", "add", "kim", "--account", "acct_kim", "--email", "kim@example.com"]);
    assert!(program.prints(&["withdrawals", "kim"]).contains("There are no withdrawals."));
    let ask = ["withdraw", "kim", "--amount", "5000", "--currency", "usd", "--key", "w-1", "--json"];
    let first = program.json(&ask);
    assert_eq!(
        (&first["state"], &first["amount"], &first["speed"], &first["requested_by"]),
        (&json!("open"), &json!(5_000), &json!("standard"), &json!("zoe"))
    );
    assert_eq!(program.json(&ask), first, "the same key is the same withdrawal");
    assert!(program.refuses(&["withdraw", "kim", "--key", "w-1"]).contains("asks for something else"));
    for (extra, words) in [
        (vec!["--amount", "0"], "0 is no amount to withdraw"),
        (vec!["--amount", "-5"], "-5 is no amount to withdraw"),
        (vec!["--amount", "5", "--currency", "zzz"], "currency `zzz` is not one that Stripe charges in"),
    ] {
        let said = program.refuses(&[vec!["withdraw", "kim"], extra.clone()].concat());
        assert!(said.contains(words), "{extra:?}: {said}");
    }
    program.prints(&["hold", "--mentor", "kim", "--reason", "identity in doubt"]);
    assert!(program.refuses(&["withdraw", "kim"]).contains("the mentor is on hold: identity in doubt"));
    assert_eq!(program.run(&["withdraw", "nobody"]).code, Some(8));
    assert_eq!(program.run(&["withdrawals", "nobody"]).code, Some(8));
    let listed = program.prints(&["withdrawals"]);
    assert!(listed.contains("50.00 USD") && listed.contains("on hold"), "{listed}");
    assert!(program.prints(&["mentor", "show", "kim"]).contains("Latest withdrawals"));
    assert!(program.json(&["withdrawals", "kim", "--json"]).as_array().is_some_and(|rows| rows.len() == 5));
}
