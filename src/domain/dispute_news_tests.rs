//! Each turn of a dispute is told once, to whom it concerns, with what becomes of the mentor's part.

use super::super::adjust::{minor, paid};
use super::super::ids::{ChargeId, DisputeId};
use super::super::money::{Currency, MinorUnits};
use super::super::outgoing::Recipient;
use super::super::release::Case;
use super::*;

fn case(status: PaymentStatus) -> Case {
    let mut case = paid();
    case.payment.status = status;
    case.payment.customer.email = Some("casey@example.com".into());
    if let Some(mentor) = &mut case.mentor {
        mentor.email = Some("ada@example.org".into());
    }
    case
}

fn dispute(status: &str) -> Dispute {
    Dispute {
        id: DisputeId::new("du_1"),
        charge_id: ChargeId::new("ch_1"),
        amount: minor(10_000),
        fee: MinorUnits::ZERO,
        fee_currency: Currency::parse("usd").unwrap(),
        currency: Currency::parse("usd").unwrap(),
        status: status.into(),
        reason: "fraudulent".into(),
    }
}

fn told(case: &Case, before: Option<&str>, status: &str, policy: &Policy) -> Vec<(String, DisputeBrief)> {
    let dispute = dispute(status);
    let disputed = Disputed { dispute: &dispute, due_by: None, payment: &case.payment, mentor: case.mentor.as_ref() };
    let brief = |told: Outgoing| match told.notice {
        Notice::Dispute(brief) => (told.once_key, brief),
        other => panic!("{other:?}"),
    };
    news(&disputed, before, policy).into_iter().map(brief).collect()
}

#[test]
fn a_turn_is_what_changed() {
    for (before, now, turned) in [
        (None, "warning_needs_response", Some(Turn::Inquiry)),
        (Some("warning_needs_response"), "warning_under_review", None),
        (Some("warning_under_review"), "needs_response", Some(Turn::Escalated)),
        (Some("warning_closed"), "needs_response", Some(Turn::Escalated)),
        (None, "needs_response", Some(Turn::Opened)),
        (Some("needs_response"), "under_review", None),
        (Some("under_review"), "won", Some(Turn::Won)),
        (Some("needs_response"), "lost", Some(Turn::Lost)),
        (Some("lost"), "appeal_needs_response", Some(Turn::Appealed)),
        (Some("appeal_under_review"), "won", Some(Turn::Won)),
        (Some("warning_under_review"), "warning_closed", Some(Turn::InquiryClosed)),
        (Some("warning_needs_response"), "prevented", Some(Turn::Prevented)),
        (None, "won", Some(Turn::Won)),
        (Some("won"), "won", None),
        (Some("needs_response"), "mystery", None),
        (Some("mystery"), "lost", Some(Turn::Lost)),
    ] {
        assert_eq!(turn(before, now), turned, "{before:?} {now}");
    }
}

#[test]
fn what_becomes_of_the_mentors_part() {
    use MentorMoney::*;
    let mut reverse = Policy::for_tests();
    reverse.after.open_dispute = LateAction::Reverse;
    let alert = Policy::for_tests();
    for (before, status, held, kept, taken) in [
        (None, "warning_needs_response", Held, Kept, GoesBack),
        (None, "needs_response", Held, Kept, GoesBack),
        (Some("needs_response"), "lost", Gone, GoesBack, GoesBack),
        (Some("needs_response"), "won", Due, Stays, ComesBack),
        (Some("warning_under_review"), "warning_closed", Due, Stays, ComesBack),
        (Some("warning_under_review"), "prevented", Due, Stays, ComesBack),
        // What was taken when it was lost comes back when the appeal is won.
        (Some("appeal_under_review"), "won", Due, ComesBack, ComesBack),
    ] {
        for (standing, policy, money) in [
            (PaymentStatus::Held, &alert, held),
            (PaymentStatus::Transferred, &alert, kept),
            (PaymentStatus::Netted, &alert, kept),
            (PaymentStatus::Releasing, &alert, kept),
            (PaymentStatus::Transferred, &reverse, taken),
        ] {
            let told = told(&case(standing), before, status, policy);
            let kinds: Vec<&str> = told.iter().map(|(_, brief)| brief.kind()).collect();
            let end = turn(before, status).unwrap().is_end();
            let expected =
                if end { ["dispute_closed", "dispute_decided"] } else { ["dispute_opened", "payment_disputed"] };
            assert_eq!(kinds, expected, "{status} {standing}");
            assert!(told.iter().all(|(_, brief)| brief.money == Some(money)), "{status} {standing}: {told:?}");
        }
    }
}

#[test]
fn each_turn_has_a_key_of_its_own() {
    let policy = Policy::for_tests();
    let case = case(PaymentStatus::Held);
    let key = |before, status| told(&case, before, status, &policy).remove(0).0;
    assert_eq!(key(None, "warning_needs_response"), "admin:dispute_opened:du_1:inquiry");
    assert_eq!(key(None, "needs_response"), "admin:dispute_opened:du_1:opened");
    assert_eq!(key(Some("warning_under_review"), "needs_response"), "admin:dispute_opened:du_1:opened", "escalated");
    assert_eq!(key(Some("under_review"), "won"), "admin:dispute_closed:du_1:won");
    assert_eq!(key(Some("appeal_under_review"), "won"), "admin:dispute_closed:du_1:won:appeal");
    assert_eq!(told(&case, Some("won"), "won", &policy), []);
}

#[test]
fn customers_are_told_where_the_operator_says_so() {
    let mut policy = Policy::for_tests();
    let case = case(PaymentStatus::Held);
    let customer = |policy: &Policy, before, status| {
        let told = told(&case, before, status, policy);
        told.into_iter().find(|(_, brief)| brief.audience == Audience::Customer).map(|(key, _)| key)
    };
    assert_eq!(customer(&policy, None, "needs_response"), None);
    policy.letters.dispute_acknowledgement = true;
    let key = Some("dispute_acknowledged:du_1".to_owned());
    assert_eq!(customer(&policy, None, "needs_response"), key);
    assert_eq!(customer(&policy, Some("warning_under_review"), "needs_response"), key, "the same email");
    assert_eq!(customer(&policy, Some("needs_response"), "won"), None);
}

#[test]
fn the_admin_is_told_who_was_not() {
    let mut policy = Policy::for_tests();
    policy.letters.dispute_acknowledgement = true;
    let mut nobody = case(PaymentStatus::Held);
    nobody.payment.customer.email = None;
    let untold = |case: &Case| told(case, None, "needs_response", &policy).remove(0).1.untold.unwrap_or_default();
    assert_eq!(untold(&case(PaymentStatus::Held)), "");
    assert_eq!(untold(&nobody), "the customer: no address of theirs is known");
    nobody.mentor = None;
    assert_eq!(untold(&nobody), "the mentor and the customer: no address of theirs is known");
    assert_eq!(told(&nobody, None, "needs_response", &policy).len(), 1, "the admin alone");
    nobody.payment.refunded = nobody.payment.amount;
    assert_eq!(untold(&nobody), "the customer: no address of theirs is known", "nothing is left for the mentor");
}

#[test]
fn the_mentor_reads_their_part_and_the_admin_what_is_disputed() {
    let policy = Policy::for_tests();
    let case = case(PaymentStatus::Held);
    let dispute = dispute("needs_response");
    let disputed = Disputed { dispute: &dispute, due_by: None, payment: &case.payment, mentor: case.mentor.as_ref() };
    let amounts: Vec<_> = news(&disputed, None, &policy)
        .into_iter()
        .map(|told| (told.to, told.notice.payment().unwrap().amount_minor.get(), told.merge_key.unwrap()))
        .collect();
    let mentor = Recipient::Mentor { id: case.payment.mentor_id.clone().unwrap(), email: "ada@example.org".into() };
    assert_eq!(
        amounts,
        [
            (Recipient::Admin, 10_000, "admin:dispute_opened".to_owned()),
            (mentor, 9_000, "payment_disputed:ada".to_owned())
        ]
    );
}
