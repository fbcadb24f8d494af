//! The ledger as a bookkeeper would read it, and its laws: journals balance, posting twice posts nothing, and what the
//! mentor earned is where the accounts say it is.

use proptest::prelude::*;

use super::super::ids::{ChargeId, DisputeId};
use super::*;

fn minor(n: i64) -> MinorUnits {
    MinorUnits::new(n).unwrap()
}

fn usd() -> Currency {
    Currency::parse("usd").unwrap()
}

fn ada() -> MentorId {
    MentorId::new("ada")
}

/// 100.00 charged, of which 90.00 are Ada's.
fn charged() -> PaymentFigures {
    PaymentFigures {
        mentor: Some(ada()),
        currency: usd(),
        conversion: None,
        collected: true,
        amount: minor(10_000),
        mentor_amount: minor(9_000),
        refunded: MinorUnits::ZERO,
        measure: None,
        disputes: vec![],
        transfers: vec![],
        debts: vec![],
        mentor_pays_dispute_fee: false,
    }
}

fn transfer(amount: i64, reversed: i64) -> TransferFigures {
    let sender = Sender::Payoutd(ada());
    TransferFigures { sender, currency: usd(), amount: minor(amount), reversed: minor(reversed) }
}

fn transferred(reversed: i64) -> PaymentFigures {
    let measure = Some(Measure { gross: minor(9_000), kept: minor(10_000) });
    PaymentFigures { measure, transfers: vec![transfer(9_000, reversed)], ..charged() }
}

fn dispute(status: &str, amount: i64, fee: i64) -> Dispute {
    Dispute {
        id: DisputeId::new("du_1"),
        charge_id: ChargeId::new("ch_1"),
        amount: minor(amount),
        currency: usd(),
        fee: minor(fee),
        fee_currency: usd(),
        status: status.into(),
        reason: "fraudulent".into(),
    }
}

fn debt(kind: DebtKind, amount: i64) -> DebtFigures {
    DebtFigures { mentor: ada(), currency: usd(), kind, amount: minor(amount) }
}

/// Balances by account, as a trial balance: `platform_balance 10000`.
fn trial(payment: &PaymentFigures) -> Vec<String> {
    let mut balances: BTreeMap<Account, i128> = BTreeMap::new();
    for (line, sum) in entries(payment) {
        *balances.entry(line.account).or_default() += sum;
    }
    balances.into_iter().filter(|(_, sum)| *sum != 0).map(|(account, sum)| format!("{account} {sum}")).collect()
}

#[test]
fn a_payment_before_it_is_transferred() {
    assert_eq!(trial(&charged()), ["platform_balance 10000", "platform_revenue -1000", "mentor_payable -9000"]);
    let refunded = PaymentFigures { refunded: minor(2_500), ..charged() };
    assert_eq!(trial(&refunded), ["platform_balance 7500", "platform_revenue -750", "mentor_payable -6750"]);
    assert_eq!(trial(&PaymentFigures { refunded: minor(10_000), ..charged() }), [""; 0]);
    assert_eq!(trial(&PaymentFigures { collected: false, ..charged() }), [""; 0]);
}

#[test]
fn a_transfer_and_what_comes_back_of_it() {
    let done = ["platform_balance 1000", "connected_balance 9000", "platform_revenue -1000", "mentor_funds -9000"];
    assert_eq!(trial(&transferred(0)), done);
    // The customer has it back, the mentor too much, until it is taken back.
    let early = PaymentFigures { refunded: minor(5_000), ..transferred(0) };
    let with = ["platform_balance -4000", "connected_balance 9000", "platform_revenue -500", "mentor_payable 4500"];
    assert_eq!(trial(&early), [&with[..], &["mentor_funds -9000"]].concat());
    let settled = PaymentFigures { refunded: minor(5_000), ..transferred(4_500) };
    let with = ["platform_balance 500", "connected_balance 4500", "platform_revenue -500", "mentor_funds -4500"];
    assert_eq!(trial(&settled), with);
}

#[test]
fn a_dispute_stands_aside_until_it_is_decided() {
    let disputed = |status: &str| PaymentFigures { disputes: vec![dispute(status, 10_000, 1_500)], ..charged() };
    let fees = ["mentor_payable -9000", "dispute_fees 1500"];
    let won = [&["platform_balance 8500", "platform_revenue -1000"][..], &fees].concat();
    for (status, balances) in [("warning_needs_response", &won), ("won", &won), ("charge_refunded", &won)] {
        assert_eq!(trial(&disputed(status)), *balances, "{status}");
    }
    let open = ["platform_balance -1500", "platform_revenue -1000", "mentor_payable -9000", "disputed 10000"];
    for status in ["needs_response", "under_review", "appeal_under_review"] {
        assert_eq!(trial(&disputed(status)), [&open[..], &["dispute_fees 1500"]].concat(), "{status}");
    }
    assert_eq!(trial(&disputed("lost")), ["platform_balance -1500", "dispute_fees 1500"]);
}

#[test]
fn the_fee_of_a_lost_dispute_is_the_mentors_where_the_operator_says_so() {
    let lost = |amount| PaymentFigures {
        disputes: vec![dispute("lost", amount, 1_500)],
        mentor_pays_dispute_fee: true,
        ..charged()
    };
    assert_eq!(trial(&lost(5_000)), ["platform_balance 3500", "platform_revenue -500", "mentor_payable -3000"]);
    // Never more than what they have of the payment.
    assert_eq!(trial(&lost(10_000)), ["platform_balance -1500", "dispute_fees 1500"]);
    let open = PaymentFigures { disputes: vec![dispute("needs_response", 5_000, 1_500)], ..lost(1) };
    assert!(trial(&open).contains(&"dispute_fees 1500".to_owned()));
}

#[test]
fn what_stripe_does_not_give_back_is_owed_and_netted() {
    let owed = PaymentFigures { refunded: minor(10_000), debts: vec![debt(DebtKind::Owed, 9_000)], ..transferred(0) };
    let funds = ["platform_balance -9000", "connected_balance 9000", "mentor_funds -9000"];
    assert_eq!(trial(&owed), [&funds[..], &["mentor_debt 9000"]].concat());
    let netted = PaymentFigures { debts: vec![debt(DebtKind::Netted, 9_000)], ..charged() };
    assert_eq!(trial(&netted), ["platform_balance 10000", "platform_revenue -1000", "mentor_debt -9000"]);
    // The refund came back, when 4,000 of the debt had been paid off: that much is due to them again.
    let debts = vec![debt(DebtKind::Owed, 9_000), debt(DebtKind::Forgiven, 9_000), debt(DebtKind::Repayable, 4_000)];
    let forgiven = PaymentFigures { debts, ..transferred(0) };
    let rest = ["platform_revenue -1000", "mentor_payable -4000", "mentor_funds -9000", "mentor_debt 4000"];
    assert_eq!(trial(&forgiven), [&["platform_balance 1000", "connected_balance 9000"][..], &rest].concat());
}

#[test]
fn what_other_hands_transferred_is_nobodys_pay() {
    let foreign = TransferFigures { sender: Sender::OtherHands, ..transfer(9_000, 1_000) };
    let payment = PaymentFigures { transfers: vec![foreign], ..charged() };
    let with = ["platform_balance 2000", "connected_balance 8000", "platform_revenue -1000", "mentor_payable -9000"];
    assert_eq!(trial(&payment), with);
}

#[test]
fn a_refund_is_measured_as_the_transfer_was() {
    // 901 of 1000, half refunded before: 450.5, so 451 were sent. Of the rest, half again.
    let measure = Some(Measure { gross: minor(451), kept: minor(500) });
    let base = PaymentFigures { amount: minor(1_000), mentor_amount: minor(901), measure, ..charged() };
    let paid = |refunded, reversed| PaymentFigures {
        refunded: minor(refunded),
        transfers: vec![transfer(451, reversed)],
        ..base.clone()
    };
    let payable = |payment: &PaymentFigures| trial(payment).iter().any(|line| line.starts_with("mentor_payable"));
    assert!(!payable(&paid(500, 0)));
    assert!(!payable(&paid(750, 225)));
    assert!(!payable(&paid(1_000, 451)));
    // The first refund came back after all: payoutd does not send the other half by itself, and still owes it.
    assert!(trial(&paid(0, 0)).contains(&"mentor_payable -450".to_owned()));
}

fn status() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "warning_needs_response",
        "needs_response",
        "under_review",
        "won",
        "lost",
        "appeal_under_review",
        "new",
    ])
}

prop_compose! {
    fn any_dispute()(status in status(), amount in 0..20_000_i64, fee in 0..2_000_i64) -> Dispute {
        dispute(status, amount, fee)
    }
}

prop_compose! {
    fn any_transfer()(ours: bool, amount in 1..20_000_i64, reversed in 0..20_000_i64) -> TransferFigures {
        let sender = if ours { Sender::Payoutd(ada()) } else { Sender::OtherHands };
        TransferFigures { sender, ..transfer(amount, reversed.min(amount)) }
    }
}

prop_compose! {
    fn any_payment()(
        amount in 0..20_000_i64, bps in 0..=10_000_i64, refunded in 0..20_000_i64, kept in 1..20_000_i64,
        gross in 0..20_000_i64, measured: bool, collected: bool, mentor_pays_dispute_fee: bool,
        disputes in prop::collection::vec(any_dispute(), 0..3),
        transfers in prop::collection::vec(any_transfer(), 0..3),
        debts in prop::collection::vec((prop::sample::select(DebtKind::ALL), 1..20_000_i64), 0..4),
    ) -> PaymentFigures {
        let measure = measured.then(|| Measure { gross: minor(gross.min(kept)), kept: minor(kept) });
        PaymentFigures {
            collected, measure, disputes, transfers, mentor_pays_dispute_fee,
            amount: minor(amount),
            mentor_amount: minor(amount * bps / 10_000),
            refunded: minor(refunded.min(amount)),
            debts: debts.into_iter().map(|(kind, amount)| debt(kind, amount)).collect(),
            ..charged()
        }
    }
}

proptest! {
    /// Whatever the facts were and become: each journal balances, the ledger comes to what it should, and posting once
    /// more posts nothing.
    #[test]
    fn posting_follows_the_facts(history in prop::collection::vec(any_payment(), 1..6)) {
        let mut posted = Sums::new();
        for payment in &history {
            let should = entries(payment);
            for (kind, journal) in difference(&should, &posted) {
                prop_assert!(is_balanced(&journal), "{kind}: {journal:?}");
                prop_assert!(journal.iter().all(|(line, sum)| line.kind == kind && *sum != 0));
                for (line, sum) in journal {
                    *posted.entry(line).or_default() += sum;
                }
            }
            posted.retain(|_, sum| *sum != 0);
            prop_assert_eq!(&posted, &should);
            prop_assert_eq!(difference(&should, &posted), Postings::new());
        }
    }

    /// Earned is what is payable, what was sent, and what went towards debts; nothing else.
    #[test]
    fn what_is_earned_is_somewhere(payment in any_payment()) {
        let earned = |line: &Line| line.account == Account::MentorPayable
            && matches!(line.kind, JournalKind::Charge | JournalKind::Fee | JournalKind::Refund | JournalKind::Dispute);
        let sums = entries(&payment);
        let of = |wanted: &dyn Fn(&Line) -> bool| sums.iter().filter(|(line, _)| wanted(line)).map(|(_, s)| *s).sum::<i128>();
        let on = |account| of(&|line: &Line| line.account == account);
        let held = -on(Account::MentorPayable) - on(Account::MentorFunds) - on(Account::MentorDebt)
            - on(Account::MentorCredit);
        prop_assert_eq!(-of(&earned), held);
        prop_assert!(of(&earned) <= 0, "nobody earns less than nothing");
        prop_assert!(-of(&earned) <= wide(payment.mentor_amount).max(payment.measure.map_or(0, |m| wide(m.gross))));
    }
}
