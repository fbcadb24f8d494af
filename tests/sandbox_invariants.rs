//! Whatever is asked of the sandbox, in whatever order: its books add up, no charge pays out more than it brought,
//! and a key never acts twice. An auditor that keeps books of its own checks after every step.

use std::collections::BTreeMap;

use payoutd::sandbox::{
    Answer, Core, DisputeStatus, Ending, Fault, FaultMatch, FaultRule, NewAccount, NewDispute, NewRefund, Outcome, Pay,
    Request, ReversalCover, ServerErrorPoint, Settings, SourceLimit,
};
use proptest::prelude::*;
use serde_json::Value;

const KEY: &str = "sk_test_sandbox";
const CURRENCIES: [&str; 2] = ["usd", "jpy"];

#[derive(Debug, Clone)]
enum Step {
    Pay {
        amount: i64,
        currency: usize,
        pending_s: i64,
    },
    /// A small set of keys, so that requests repeat and clash.
    Transfer {
        amount: i64,
        currency: usize,
        source: Option<usize>,
        key: u8,
    },
    Reverse {
        transfer: usize,
        amount: i64,
        key: u8,
    },
    Refund {
        charge: usize,
        amount: i64,
    },
    FailRefund {
        refund: usize,
    },
    Dispute {
        charge: usize,
    },
    MoveDispute {
        dispute: usize,
        status: DisputeStatus,
    },
    Wait {
        seconds: i64,
    },
    Fault {
        fault: Fault,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let (amount, place, key) = (1..5_000_i64, 0..20_usize, 0..12_u8);
    let status = prop_oneof![
        Just(DisputeStatus::UnderReview),
        Just(DisputeStatus::Won),
        Just(DisputeStatus::Lost),
        Just(DisputeStatus::WarningClosed),
    ];
    let fault = prop_oneof![
        Just(Fault::ResetAfterEffect),
        Just(Fault::ResetBeforeEffect),
        Just(Fault::TimeoutAfterEffect { hold_ms: None }),
        Just(Fault::Garbage),
        Just(Fault::Delay { ms: 1 }),
        Just(Fault::ServerError { status: 500, at: ServerErrorPoint::EffectDone }),
        Just(Fault::ServerError { status: 500, at: ServerErrorPoint::BeforeExecution }),
    ];
    prop_oneof![
        3 => (amount.clone(), 0..2_usize, 0..200_i64)
            .prop_map(|(amount, currency, pending_s)| Step::Pay { amount, currency, pending_s }),
        5 => (amount.clone(), 0..2_usize, proptest::option::weighted(0.7, place.clone()), key.clone())
            .prop_map(|(amount, currency, source, key)| Step::Transfer { amount, currency, source, key }),
        2 => (place.clone(), amount.clone(), key).prop_map(|(transfer, amount, key)| Step::Reverse { transfer, amount, key }),
        1 => (place.clone(), amount).prop_map(|(charge, amount)| Step::Refund { charge, amount }),
        1 => place.clone().prop_map(|refund| Step::FailRefund { refund }),
        1 => place.clone().prop_map(|charge| Step::Dispute { charge }),
        1 => (place, status).prop_map(|(dispute, status)| Step::MoveDispute { dispute, status }),
        1 => (1..40_000_i64).prop_map(|seconds| Step::Wait { seconds }),
        1 => fault.prop_map(|fault| Step::Fault { fault }),
    ]
}

struct Auditor {
    core: Core,
    now: i64,
    mentor: String,
    charges: Vec<String>,
    refunds: Vec<String>,
    disputes: Vec<String>,
    /// When each key was first used, and for which body.
    keys: BTreeMap<String, (i64, String)>,
}

impl Auditor {
    fn new() -> Self {
        let settings = Settings {
            source_limit: SourceLimit::ChargeAmount,
            reversal_cover: ReversalCover::MayGoNegative,
            ..Settings::default()
        };
        let mut core = Core::new(settings);
        let now = 1_795_000_000;
        let mentor = core.add_account(now, NewAccount::default()).expect("an account");
        let (charges, refunds, disputes, keys) = Default::default();
        Self { core, now, mentor, charges, refunds, disputes, keys }
    }

    fn take(&mut self, step: Step) {
        let now = self.now;
        match step {
            Step::Pay { amount, currency, pending_s } => {
                let pay = Pay::new(amount, CURRENCIES[currency]).settles_after_s(pending_s * 100);
                self.charges.push(self.core.pay(now, pay).expect("a customer pays").charge);
            }
            Step::Transfer { amount, currency, source, key } => {
                self.transfer(amount, CURRENCIES[currency], source, key)
            }
            Step::Reverse { transfer, amount, key } => {
                let books = self.core.books(now);
                if let Some(transfer) = books.transfers.get(transfer) {
                    let path = format!("/v1/transfers/{}/reversals", transfer.id);
                    self.send(&path, &format!("amount={amount}"), key);
                }
            }
            Step::Refund { charge, amount } => {
                if let Some(charge) = self.charges.get(charge).cloned() {
                    let new = NewRefund { charge, amount_minor: Some(amount), pending: false };
                    self.refunds.extend(self.core.refund_in_dashboard(now, new));
                }
            }
            Step::FailRefund { refund } => {
                let _may_have_ended =
                    self.refunds.get(refund).map(|id| self.core.settle_refund(now, id, Ending::Fails));
            }
            Step::Dispute { charge } => {
                let opened = self.charges.get(charge).map(|id| self.core.open_dispute(now, NewDispute::chargeback(id)));
                self.disputes.extend(opened.into_iter().flatten());
            }
            Step::MoveDispute { dispute, status } => {
                let _may_be_closed = self.disputes.get(dispute).map(|id| self.core.set_dispute_status(now, id, status));
            }
            Step::Wait { seconds } => self.now += seconds,
            Step::Fault { fault } => {
                self.core.add_fault(FaultRule::once(FaultMatch::transfers(), fault));
            }
        }
    }

    fn transfer(&mut self, amount: i64, currency: &str, source: Option<usize>, key: u8) {
        let mut form = format!("amount={amount}&currency={currency}&destination={}", self.mentor);
        if let Some(charge) = source.and_then(|place| self.charges.get(place)) {
            form += &format!("&source_transaction={charge}");
        }
        self.send("/v1/transfers", &form, key);
    }

    /// Sends a request; another body under a key that is still remembered must be refused.
    fn send(&mut self, path: &str, form: &str, key: u8) {
        let key = format!("key-{key}");
        let body = format!("{path}?{form}");
        let request = Request::post(KEY, path, form).with_key(&key);
        let mut outcome = self.core.request(self.now, request);
        if let Outcome::Wait { ticket, .. } = outcome {
            outcome = self.core.resume(self.now, ticket);
        }
        let answer = match outcome {
            Outcome::Answer(answer) | Outcome::HoldBack { answer, .. } => Some(answer),
            _ => None,
        };
        let remembered = self.keys.get(&key).filter(|(at, _)| self.now - at < 24 * 3_600);
        if let (Some((_, first)), Some(answer)) = (remembered, &answer)
            && *first != body
        {
            assert_eq!(answer.json()["error"]["type"], "idempotency_error", "{key}: {first} then {body}");
        } else if answer.as_ref().is_some_and(made_it) {
            self.keys.entry(key).and_modify(|used| *used = (self.now, body.clone())).or_insert((self.now, body));
        }
    }

    fn check(&mut self) {
        let books = self.core.books(self.now);
        let posted = self.posted();
        for currency in CURRENCIES {
            let shown =
                books.available_minor.get(currency).unwrap_or(&0) + books.pending_minor.get(currency).unwrap_or(&0);
            assert_eq!(shown, *posted.get(currency).unwrap_or(&0), "the balance is the sum of what was posted");
        }
        let mut live = BTreeMap::<String, i64>::new();
        for transfer in &books.transfers {
            assert!(transfer.reversed_minor <= transfer.amount_minor, "{transfer:?}");
            if let Some(charge) = &transfer.source_transaction {
                *live.entry(charge.clone()).or_default() += transfer.amount_minor - transfer.reversed_minor;
            }
        }
        for (charge, transferred) in live {
            let amount = self.get(&format!("/v1/charges/{charge}"), "")["amount_captured"].as_i64();
            assert!(Some(transferred) <= amount, "charge {charge} pays out {transferred} of {amount:?}");
        }
        self.check_keys(&books.transfers);
    }

    /// Under one key there is one transfer a day at most.
    fn check_keys(&self, transfers: &[payoutd::sandbox::TransferEntry]) {
        let mut last = BTreeMap::<&str, i64>::new();
        for transfer in transfers {
            let key = transfer.idempotency_key.as_deref().expect("every transfer here has a key");
            if let Some(before) = last.insert(key, transfer.created) {
                assert!(transfer.created - before >= 24 * 3_600, "{key} acted twice");
            }
        }
    }

    /// What was posted on the platform's balance, by currency.
    fn posted(&mut self) -> BTreeMap<String, i64> {
        let mut sums = BTreeMap::new();
        let mut cursor = String::new();
        loop {
            let page = self.get("/v1/balance_transactions", &format!("limit=100{cursor}"));
            let lines = page["data"].as_array().expect("a list");
            for line in lines {
                let currency = line["currency"].as_str().expect("a currency").to_owned();
                *sums.entry(currency).or_default() += line["net"].as_i64().expect("an amount");
            }
            match lines.last().filter(|_| page["has_more"] == true) {
                Some(line) => cursor = format!("&starting_after={}", line["id"].as_str().expect("an id")),
                None => return sums,
            }
        }
    }

    fn get(&mut self, path: &str, query: &str) -> Value {
        match self.core.request(self.now, Request::get(KEY, path, query)) {
            Outcome::Answer(answer) if answer.status == 200 => answer.json(),
            other => panic!("{path}: {other:?}"),
        }
    }
}

/// Whether this answer is one that the key now stands for.
fn made_it(answer: &Answer) -> bool {
    answer.status == 200 && answer.json()["object"].is_string()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_books_always_add_up(steps in proptest::collection::vec(step(), 1..60)) {
        let mut auditor = Auditor::new();
        for step in steps {
            auditor.take(step);
            auditor.check();
        }
    }
}
