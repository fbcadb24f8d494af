//! Tables and properties of what a withdrawal comes to.

//! Tables and properties of what a withdrawal comes to.

use proptest::prelude::*;

use super::*;
use crate::domain::hold::{HoldSource, Subject};
use crate::domain::mentor::Capability;

fn usd() -> Currency {
    Currency::parse("usd").unwrap()
}

fn minor(n: i64) -> MinorUnits {
    MinorUnits::new(n).unwrap()
}

fn at() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).unwrap()
}

/// Somebody in order, with 90.00 USD that are available, of which 60.00 at once.
fn case(amount: Option<i64>, currency: Option<&str>) -> WithdrawalCase {
    let account = Account {
        id: AccountId::new("acct_1"),
        transfers: Capability::Active,
        details_submitted: true,
        payouts_enabled: true,
        charges_enabled: true,
        disabled_reason: None,
        requirements: Vec::new(),
        payout_interval: Some("manual".into()),
        deauthorized_at: None,
    };
    WithdrawalCase {
        request: WithdrawalRequest {
            id: WithdrawalId(7),
            mentor_id: MentorId::new("ada"),
            amount,
            currency: currency.map(str::to_owned),
            speed: Speed::Standard,
            requested_at: at(),
            reference: "nonce:1".into(),
        },
        mentor: Some(Mentor {
            id: MentorId::new("ada"),
            name: None,
            email: None,
            account_id: Some(AccountId::new("acct_1")),
        }),
        account: Some(account),
        funds: Some(Funds { available: [(usd(), 9_000)].into(), instant: [(usd(), 6_000)].into() }),
        holds: Vec::new(),
        debts: BTreeMap::new(),
    }
}

fn policy() -> Policy {
    let withdrawals = WithdrawalPolicy { minimums: [(usd(), minor(1_000))].into() };
    Policy { withdrawals, ..Policy::for_tests() }
}

fn sum(case: &WithdrawalCase) -> Result<i64, String> {
    answer(case, &policy()).map(|order| order.amount.get())
}

fn refusal(change: impl FnOnce(&mut WithdrawalCase)) -> String {
    let mut case = case(Some(5_000), Some("usd"));
    change(&mut case);
    sum(&case).unwrap_err()
}

#[test]
fn what_is_there_is_paid_out() {
    for (amount, currency, paid) in [
        (Some(5_000), Some("usd"), 5_000),
        (Some(9_000), Some("USD"), 9_000),
        (None, Some("usd"), 9_000),
        (None, None, 9_000),
    ] {
        assert_eq!(sum(&case(amount, currency)), Ok(paid), "{amount:?} {currency:?}");
    }
    let order = answer(&case(Some(5_000), None), &policy()).unwrap();
    assert_eq!((order.account_id.as_str(), order.currency, order.reference.as_str()), ("acct_1", usd(), "nonce:1"));
    assert!(order.since < at(), "a request that went with a restored database may be older than its row");
}

#[test]
fn what_cannot_be_is_refused_in_words() {
    type Change = fn(&mut WithdrawalCase);
    let cases: Vec<(Change, &str)> = vec![
        (|case| case.mentor = None, "there is no mentor `ada`"),
        (|case| case.mentor.as_mut().unwrap().account_id = None, "the mentor has no connected account"),
        (
            |case| case.account.as_mut().unwrap().payouts_enabled = false,
            "Stripe does not let the connected account pay out to its bank yet",
        ),
        (
            |case| {
                let account = case.account.as_mut().unwrap();
                (account.payouts_enabled, account.disabled_reason) = (false, Some("requirements.past_due".into()));
            },
            "Stripe does not let the connected account pay out to its bank yet (requirements.past_due)",
        ),
        (
            |case| case.account.as_mut().unwrap().deauthorized_at = Some(at()),
            "the connected account is not connected to the platform any more",
        ),
        (
            |case| {
                case.holds.push(Hold {
                    id: 1,
                    subject: Subject::Mentor(MentorId::new("ada")),
                    source: HoldSource::Admin,
                    actor: "eve".into(),
                    reason: "a complaint".into(),
                    placed_at: at(),
                    lifted_at: None,
                });
            },
            "the mentor is on hold: a complaint",
        ),
        (|case| case.request.amount = Some(0), "0 is no amount to withdraw: it must be more than zero"),
        (|case| case.request.amount = Some(-5), "-5 is no amount to withdraw: it must be more than zero"),
        (|case| case.request.amount = Some(999), "9.99 USD is less than 10.00 USD, the least that can be withdrawn"),
        (|case| case.request.amount = Some(9_001), "90.01 USD is more than the 90.00 USD that are available"),
        (
            |case| case.request.currency = Some("xyz".into()),
            "currency `xyz` is not one that Stripe charges in; use a three-letter ISO 4217 code such as `usd`",
        ),
        (|case| case.request.currency = Some("eur".into()), "nothing is available to withdraw in EUR"),
        (
            |case| {
                case.request.currency = None;
                case.funds.as_mut().unwrap().available.insert(Currency::parse("eur").unwrap(), 100);
            },
            "say in which currency: there is something in eur, usd",
        ),
        (
            |case| {
                case.request.currency = None;
                case.funds.as_mut().unwrap().available.clear();
            },
            "nothing is available to withdraw",
        ),
        (
            |case| {
                case.funds.as_mut().unwrap().available.insert(usd(), -1);
            },
            "nothing is available to withdraw in USD",
        ),
        (
            |case| {
                case.debts.insert(usd(), minor(4_500));
            },
            "50.00 USD is more than the 45.00 USD that are available, since 45.00 USD are owed to the platform",
        ),
        (
            |case| {
                case.debts.insert(usd(), minor(9_000));
            },
            "nothing is available to withdraw in USD, since 90.00 USD are owed to the platform",
        ),
        (
            |case| {
                (case.request.speed, case.request.amount) = (Speed::Instant, Some(6_001));
            },
            "only 60.00 USD can be paid out instantly now; ask for a standard withdrawal",
        ),
        (
            |case| {
                (case.request.speed, case.request.amount) = (Speed::Instant, None);
                case.funds.as_mut().unwrap().instant.clear();
            },
            "only 0.00 USD can be paid out instantly now; ask for a standard withdrawal",
        ),
    ];
    for (change, why) in cases {
        assert_eq!(refusal(change), why);
    }
}

#[test]
fn all_is_what_nobody_else_has_a_claim_on_in_whole_steps() {
    let mut owing = case(None, Some("usd"));
    owing.debts.insert(usd(), minor(2_000));
    assert_eq!(sum(&owing), Ok(7_000));
    let mut instant = case(None, Some("usd"));
    instant.request.speed = Speed::Instant;
    assert_eq!(sum(&instant), Ok(6_000));
    for (code, available, paid) in [("isk", 12_345, 12_300), ("kwd", 12_345, 12_340), ("jpy", 12_345, 12_345)] {
        let mut case = case(None, Some(code));
        case.funds.as_mut().unwrap().available = [(Currency::parse(code).unwrap(), available)].into();
        assert_eq!(sum(&case), Ok(paid), "{code}");
        case.request.amount = Some(available);
        assert_eq!(sum(&case).is_ok(), code == "jpy", "{code}: a part of a step");
    }
}

#[test]
fn what_is_not_read_yet_speaks_against_nothing() {
    let unread = WithdrawalCase { account: None, funds: None, ..case(Some(5_000), Some("usd")) };
    assert_eq!(objection(&unread, &policy()), None);
    assert!(objection(&WithdrawalCase { mentor: None, ..unread }, &policy()).is_some());
}

#[test]
fn a_request_is_named_by_its_key_or_by_lot() {
    let long = "k".repeat(101);
    for (key, name) in [
        (Some("w-17"), "key:w-17"),
        (None, "nonce:abc"),
        (Some("with spaces"), "nonce:abc"),
        (Some("schlüssel"), "nonce:abc"),
        (Some(long.as_str()), "nonce:abc"),
    ] {
        assert_eq!(reference(key, "abc"), name, "{key:?}");
    }
    let key = payout_key(&AccountId::new("acct_1"), &reference(Some(&"k".repeat(100)), "abc"), 2);
    assert!(key.as_str().len() <= 255 && key.as_str().ends_with(":2"), "{key}");
}

#[test]
fn stripes_words_for_a_payout() {
    use WithdrawalState::{Canceled, Failed, InTransit, Paid};
    for (word, state, left) in [
        ("pending", InTransit, true),
        ("in_transit", InTransit, true),
        ("paid", Paid, true),
        ("failed", Failed, false),
        ("canceled", Canceled, false),
        ("some_new_word", InTransit, true),
    ] {
        assert_eq!((standing(word), has_left(word)), (state, left), "{word}");
    }
}

proptest! {
    /// Whatever is asked for, never more is paid out than is there and not owed, nor less than the least.
    #[test]
    fn never_more_than_is_free(
        asked in proptest::option::of(-10..20_000_i64),
        available in -5_000..20_000_i64,
        instantly in 0..20_000_i64,
        owed in 0..20_000_i64,
        instant in any::<bool>(),
    ) {
        let mut case = case(asked, Some("usd"));
        case.request.speed = if instant { Speed::Instant } else { Speed::Standard };
        case.funds = Some(Funds { available: [(usd(), available)].into(), instant: [(usd(), instantly)].into() });
        case.debts = [(usd(), minor(owed))].into();
        if let Ok(order) = answer(&case, &policy()) {
            let amount = order.amount.get();
            prop_assert!(amount <= available - owed && amount >= 1_000);
            prop_assert!(!instant || amount <= instantly);
            prop_assert!(asked.is_none_or(|asked| asked == amount));
        }
    }
}
