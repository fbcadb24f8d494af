//! Tables of what follows from an attempt at a payout.

//! What an attempt to pay out comes to, by tables.

use super::*;
use crate::domain::facts::Stamp;
use crate::domain::ids::{AccountId, EventId, IdempotencyKey, MentorId, OperationId, PayoutId};
use crate::domain::operation::{About, OperationState};
use crate::domain::outgoing::Recipient;
use crate::domain::triage::{Failure, Refusal};
use crate::domain::withdrawal::{Funds, PayoutOrder, Speed, WithdrawalRequest};
use std::collections::BTreeMap;

fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000 + minutes * 60, 0).unwrap()
}

fn usd() -> Currency {
    Currency::parse("usd").unwrap()
}

fn case() -> WithdrawalCase {
    let mentor_id = MentorId::new("ada");
    WithdrawalCase {
        request: WithdrawalRequest {
            id: WithdrawalId(7),
            mentor_id: mentor_id.clone(),
            amount: Some(5_000),
            currency: Some("usd".into()),
            speed: Speed::Standard,
            requested_at: at(0),
            reference: "nonce:1".into(),
        },
        mentor: Some(Mentor {
            id: mentor_id,
            name: Some("Ada Mentor".into()),
            email: Some("ada@example.org".into()),
            account_id: Some(AccountId::new("acct_1")),
        }),
        account: None,
        funds: None,
        holds: Vec::new(),
        debts: BTreeMap::new(),
    }
}

fn operation() -> Operation {
    let order = PayoutOrder {
        amount: MinorUnits::new(5_000).unwrap(),
        currency: usd(),
        account_id: AccountId::new("acct_1"),
        speed: Speed::Standard,
        withdrawal_id: WithdrawalId(7),
        reference: "nonce:1".into(),
        since: at(0),
    };
    Operation {
        id: OperationId(3),
        about: About::Withdrawal(WithdrawalId(7)),
        mentor_id: MentorId::new("ada"),
        cause: String::new(),
        generation: 1,
        key: IdempotencyKey::new("payoutd:payout:acct_1:nonce:1:1"),
        order: Order::Payout(order),
        maybe_done: false,
        attempts: 0,
        first_sent_at: Some(at(0)),
        last_sent_at: Some(at(0)),
        unknown_since: None,
        lease_epoch: 1,
        lease_until: at(2),
    }
}

fn refused(status: u16, code: &str) -> Attempted {
    let message = "No.".to_owned();
    Attempted::Failed(Failure::Refused(Refusal { status, code: code.into(), message, ..Refusal::default() }))
}

fn concluded(op: &Operation, attempted: &Attempted, minutes: i64) -> WithdrawalConclusion {
    conclude(op, attempted, &case(), &Policy::for_tests(), at(minutes))
}

fn payout() -> PayoutFact {
    PayoutFact {
        id: PayoutId::new("po_1"),
        account_id: Some(AccountId::new("acct_1")),
        amount: MinorUnits::new(5_000).unwrap(),
        currency: usd(),
        status: "pending".into(),
        failure: None,
        arrives_at: None,
        operation_key: None,
        reference: None,
        stamp: Stamp { told_at: at(0), rank: 0, event_id: EventId::new("") },
    }
}

#[test]
fn what_stripe_did_or_definitely_would_not_ends_it() {
    let done = concluded(&operation(), &Attempted::Done(Done::Payout(payout())), 0);
    assert_eq!((done.next.state, done.next.done_as.as_deref()), (OperationState::Confirmed, Some("po_1")));
    assert_eq!(done.withdrawal, Some(WithdrawalNext::Sent(Box::new(payout()))));
    assert_eq!(done.notices, [], "the bank does not have it yet");
    for (status, code) in
        [(400, "balance_insufficient"), (400, "instant_payouts_unsupported"), (400, "payouts_not_allowed")]
    {
        let not = concluded(&operation(), &refused(status, code), 0);
        assert_eq!(
            (not.next.state, &not.withdrawal),
            (OperationState::Rejected, &Some(WithdrawalNext::Failed("No.".into())))
        );
        let kinds: Vec<_> = not.notices.iter().map(|told| told.notice.kind()).collect();
        assert_eq!(kinds, ["withdrawal_failed", "withdrawal_trouble"], "{code}");
    }
}

#[test]
fn what_may_have_been_done_is_never_called_failed() {
    for attempted in [Attempted::Failed(Failure::NoAnswer("timeout".into())), refused(500, ""), refused(409, "")] {
        let mut op = operation();
        for _ in 0..5 {
            let conclusion = concluded(&op, &attempted, 1);
            assert_eq!(
                (conclusion.next.state, conclusion.withdrawal),
                (OperationState::Unknown, None),
                "{attempted:?}"
            );
            (op.maybe_done, op.attempts) = (true, conclusion.next.attempts);
        }
    }
    let op = Operation { maybe_done: true, ..operation() };
    assert_eq!(concluded(&op, &Attempted::NotFound, 14).withdrawal, None, "a request may still be under way");
    let absent = concluded(&op, &Attempted::NotFound, 16);
    assert_eq!((absent.next.state, absent.withdrawal), (OperationState::Rejected, Some(WithdrawalNext::Open)));
}

#[test]
fn a_repeat_is_sent_only_while_it_would_be_allowed() {
    let (policy, unsent) = (Policy::for_tests(), operation());
    let maybe = Operation { maybe_done: true, ..operation() };
    let gone = WithdrawalCase { mentor: None, ..case() };
    let funds = |available| Some(Funds { available: [(usd(), available)].into(), instant: BTreeMap::new() });
    let (enough, short) =
        (WithdrawalCase { funds: funds(5_000), ..case() }, WithdrawalCase { funds: funds(4_999), ..case() });
    let step = |op: &Operation, case: &WithdrawalCase, minutes| next_step(op, case, &policy, at(minutes));
    assert_eq!(step(&unsent, &case(), 1), Step::Send);
    assert_eq!(step(&unsent, &enough, 1), Step::Send);
    assert!(matches!(step(&unsent, &short, 1), Step::Withdraw(_)));
    assert!(matches!(step(&unsent, &gone, 1), Step::Withdraw(_)));
    assert!(matches!(step(&unsent, &case(), 23 * 60), Step::Withdraw(_)), "its key is too old");
    assert_eq!(step(&maybe, &enough, 1), Step::Send);
    assert_eq!(step(&maybe, &short, 1), Step::Look, "it may be what is missing");
    assert_eq!(step(&maybe, &case(), 23 * 60), Step::Look);
}

#[test]
fn who_is_told_of_what() {
    use WithdrawalState::{Canceled, Failed, InTransit, Open, Paid, Refused};
    let (of, admin) = (case(), |told: &Outgoing| told.to == Recipient::Admin);
    for (state, mentors, admins) in
        [(Open, 0, 0), (InTransit, 0, 0), (Paid, 1, 0), (Failed, 1, 1), (Canceled, 1, 1), (Refused, 1, 0)]
    {
        let told = told(&Told::asked(&of), state, Some("why"));
        assert_eq!(told.iter().filter(|told| admin(told)).count(), admins, "{state}");
        assert_eq!(told.iter().filter(|told| !admin(told)).count(), mentors, "{state}");
    }
    let nobody = WithdrawalCase { mentor: None, ..case() };
    assert!(told(&Told::asked(&nobody), Refused, Some("why")).iter().all(admin), "somebody is to know");
}
