//! What emails say: a snapshot of every kind, single and merged, and rules that all of them keep.

use chrono_tz::Tz;
use payoutd::domain::money::MinorUnits;
use payoutd::domain::notice::Notice;
use payoutd::mail::{Voice, render};

use super::samples::{at, every_kind, paid, payment, voice};

#[test]
fn every_kind_of_email_in_text() {
    for (name, notices) in every_kind() {
        let email = render(&notices, &voice()).unwrap();
        insta::assert_snapshot!(format!("{name}.text"), format!("Subject: {}\n\n{}", email.subject, email.text));
    }
}

#[test]
fn every_kind_of_email_in_html() {
    for (name, notices) in every_kind() {
        insta::assert_snapshot!(format!("{name}.html"), render(&notices, &voice()).unwrap().html);
    }
}

#[test]
fn every_kind_has_a_sample_single_and_merged() {
    let samples = every_kind();
    for kind in [
        "paid",
        "on_hold",
        "not_paid",
        "payment_failed",
        "outcome_unknown",
        "breaker_opened",
        "unassigned",
        "needs_attention",
        "mentor_held",
        "funds_short",
        "paid_despite",
        "audit_difference",
        "dispute_opened",
        "dispute_closed",
        "payment_disputed",
        "dispute_decided",
        "platform_limit",
    ] {
        let of_kind = |many: bool| samples.iter().any(|(_, n)| n[0].kind() == kind && (n.len() > 1) == many);
        assert!(of_kind(false) && of_kind(true), "{kind}");
    }
}

#[test]
fn text_fits_a_text_client() {
    for (name, notices) in every_kind() {
        let email = render(&notices, &voice()).unwrap();
        for line in email.text.lines() {
            let is_command = line.starts_with("    payoutd ") || line.starts_with("    UPDATE ");
            assert!(is_command || line.chars().count() <= 72, "{name}: {line}");
            assert!(line == "-- " || line.trim_end() == line, "{name}: {line:?}");
        }
        assert!(!email.text.contains("\n\n\n"), "{name}");
        assert!(email.text.ends_with(".\n"), "{name}");
        assert_eq!(email.text.lines().filter(|line| *line == "-- ").count(), 1, "{name}: the mark of a signature");
    }
}

#[test]
fn nobody_gets_an_id_of_stripes_where_words_belong() {
    for (name, notices) in every_kind() {
        let email = render(&notices, &voice()).unwrap();
        let all = format!("{}\n{}\n{}", email.subject, email.text, email.html).replace("acct_…", "");
        for id in ["tr_", "ch_", "pi_", "cs_", "acct_", "re_", "du_", "evt_"] {
            let starts_a_word = |i: usize| !all[..i].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            assert!(!all.match_indices(id).any(|(i, _)| starts_a_word(i)), "{name}: {id}");
        }
    }
}

#[test]
fn text_and_html_tell_the_same() {
    for (name, notices) in every_kind() {
        let email = render(&notices, &voice()).unwrap();
        let plain: Vec<&str> =
            email.text.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric)).collect();
        let shown = without_tags(&email.html);
        for word in plain {
            assert!(shown.contains(word), "{name}: the HTML lacks {word:?}");
        }
    }
}

fn without_tags(html: &str) -> String {
    let mut text = String::new();
    let mut in_tag = false;
    for c in html.chars() {
        match c {
            '<' => in_tag = true,
            '>' => in_tag = false,
            c if !in_tag => text.push(c),
            _ => {}
        }
    }
    let entities = [("&#39;", "'"), ("&#34;", "\""), ("&#60;", "<"), ("&#62;", ">"), ("&#38;", "&")];
    entities.iter().fold(text, |text, (entity, c)| text.replace(entity, c))
}

#[test]
fn a_merged_email_stops_at_fifty_lines_and_sums_all() {
    let notices: Vec<Notice> = (100..180)
        .map(|id| Notice::Paid {
            payment: payment(id, 1_001, "usd"),
            at: at(9, 0),
            netted: MinorUnits::ZERO,
            carried: MinorUnits::ZERO,
            converted: None,
            stays: false,
        })
        .collect();
    let email = render(&notices, &voice()).unwrap();
    assert_eq!(email.subject, "You were paid 800.80 USD in 80 payments");
    assert!(email.text.contains("\n  … and 30 more\n"), "{}", email.text);
    assert!(email.text.contains("Total  800.80 USD"));
    assert!(email.html.contains("… and 30 more"));
    assert!(email.text.contains("      149  10.01 USD") && !email.text.contains("      150  10.01 USD"));
}

#[test]
fn one_email_is_about_one_kind() {
    assert!(render(&[], &voice()).is_err());
    let mixed = [paid(), Notice::NotPaid { payment: payment(42, 9_000, "usd") }];
    let error = render(&mixed, &voice()).unwrap_err().to_string();
    assert!(error.contains("paid") && error.contains("not_paid"), "{error}");
}

#[test]
fn times_are_those_of_the_platform() {
    let text = |time_zone, notices: &[Notice]| render(notices, &Voice { time_zone, ..voice() }).unwrap().text;
    assert!(text(Tz::UTC, &[paid()]).contains("3 March 2026, 14:05 UTC"));
    assert!(text(Tz::Europe__Berlin, &[paid()]).contains("3 March 2026, 15:05 CET"));
    assert!(text(Tz::America__Sao_Paulo, &[paid()]).contains("3 March 2026, 11:05 -03"), "a zone without letters");
    let many = text(
        Tz::Asia__Tokyo,
        &[
            paid(),
            Notice::Paid {
                payment: payment(43, 100, "usd"),
                at: at(16, 0),
                netted: MinorUnits::ZERO,
                carried: MinorUnits::ZERO,
                converted: None,
                stays: false,
            },
        ],
    );
    for words in ["When (Asia/Tokyo)", "2026-03-03 23:05", "2026-03-04 01:00"] {
        assert!(many.contains(words), "{many}");
    }
}
