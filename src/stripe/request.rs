//! What payoutd asks of Stripe, built with the async-stripe builders. A request is the same bytes whenever it is built
//! from the same arguments, since it may be sent again under the same idempotency key.

use std::collections::{BTreeMap, HashMap};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use stripe_client_core::{RequestBuilder, StripeMethod, StripeRequest};
use stripe_connect::account::RetrieveAccount;
use stripe_connect::transfer::{CreateTransfer, ListTransfer, RetrieveTransfer};
use stripe_connect::transfer_reversal::{CreateIdTransferReversal, ListIdTransferReversal};
use stripe_core::balance::RetrieveForMyAccountBalance;
use stripe_core::charge::RetrieveCharge;
use stripe_core::dispute::ListDispute;
use stripe_core::refund::{CreateRefund, ListRefund};

use crate::domain::ids::{AccountId, ChargeId, IdempotencyKey, IntentId, PaymentId, TransferId};
use crate::domain::operation::{IntentOrder, RefundOrder, ReversalOrder, TransferOrder};
use crate::domain::read::OPERATION_KEY;

/// The API version that every request asks for, whatever the account's default is. What payoutd reads was checked
/// against this version's objects.
pub const API_VERSION: &str = "2026-10-28.endive";

/// The most that Stripe gives in one page.
pub(super) const PAGE_LIMIT: i64 = 100;

/// The metadata key under which a transfer carries the payment's number, for people who look at it in the dashboard.
const PAYMENT_KEY: &str = "payoutd_payment";

/// Stripe's ids have letters, digits and underscores. An id may also come from a person who typed it, and must not be
/// able to change the path.
const OUTSIDE_IDS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'-');

/// A request, but for what the client adds to each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    pub method: hyper::Method,
    /// With its query, from `/v1` on.
    pub path: String,
    /// The form; empty for a GET.
    pub form: String,
    /// What a POST is sent under.
    pub key: Option<IdempotencyKey>,
    /// The connected account that it is made for; `None` for the platform's own.
    pub account: Option<AccountId>,
}

impl Call {
    fn get(request: &impl StripeRequest) -> Self {
        Self::from_builder(request.build(), None)
    }

    fn post(request: &impl StripeRequest, key: &IdempotencyKey) -> Self {
        Self::from_builder(request.build(), Some(key.clone()))
    }

    pub(super) fn from_builder(built: RequestBuilder, key: Option<IdempotencyKey>) -> Self {
        let method = match built.method {
            StripeMethod::Get => hyper::Method::GET,
            StripeMethod::Post => hyper::Method::POST,
            StripeMethod::Delete => hyper::Method::DELETE,
        };
        let query = built.query.filter(|query| !query.is_empty()).map(|query| format!("?{query}"));
        let path = format!("/v1{}{}", built.path, query.unwrap_or_default());
        Self { method, path, form: sorted(&built.body.unwrap_or_default()), key, account: None }
    }

    /// The same, made for a connected account.
    pub(super) fn on(self, account: &AccountId) -> Self {
        Self { account: Some(account.clone()), ..self }
    }
}

/// The builder keeps metadata in a `HashMap`, whose order changes from one process to the next.
fn sorted(form: &str) -> String {
    let mut pairs: Vec<&str> = form.split('&').collect();
    pairs.sort_unstable();
    pairs.join("&")
}

pub(super) fn in_path(id: &str) -> String {
    utf8_percent_encode(id, OUTSIDE_IDS).to_string()
}

pub(super) fn charge(id: &ChargeId) -> Call {
    Call::get(&RetrieveCharge::new(in_path(id.as_str())).expand(vec!["balance_transaction".to_owned()]))
}

pub(super) fn balance() -> Call {
    Call::get(&RetrieveForMyAccountBalance::new())
}

pub(super) fn account(id: &AccountId) -> Call {
    Call::get(&RetrieveAccount::new(in_path(id.as_str())))
}

pub(super) fn disputes_of(charge: &ChargeId, after: Option<&str>) -> Call {
    let list = ListDispute::new().charge(charge.as_str()).limit(PAGE_LIMIT);
    Call::get(&match after {
        Some(id) => list.starting_after(id),
        None => list,
    })
}

pub(super) fn transfers_in(group: &str, after: Option<&str>) -> Call {
    let list = ListTransfer::new().transfer_group(group).limit(PAGE_LIMIT);
    Call::get(&match after {
        Some(id) => list.starting_after(id),
        None => list,
    })
}

pub(super) fn refunds_of(charge: &ChargeId, after: Option<&str>) -> Call {
    let list = ListRefund::new().charge(charge.as_str()).limit(PAGE_LIMIT);
    Call::get(&match after {
        Some(id) => list.starting_after(id),
        None => list,
    })
}

pub(super) fn transfer(id: &TransferId) -> Call {
    Call::get(&RetrieveTransfer::new(in_path(id.as_str())))
}

/// With the transfer itself, which says how much of it has been taken back by then.
pub(super) fn reversals_of(transfer: &TransferId, after: Option<&str>) -> Call {
    let list = ListIdTransferReversal::new(in_path(transfer.as_str())).limit(PAGE_LIMIT);
    let list = list.expand(vec!["data.transfer".to_owned()]);
    Call::get(&match after {
        Some(id) => list.starting_after(id),
        None => list,
    })
}

pub(super) fn create_reversal(key: &IdempotencyKey, order: &ReversalOrder) -> Call {
    let create = CreateIdTransferReversal::new(in_path(order.transfer_id.as_str()))
        .amount(order.amount.get())
        .expand(vec!["transfer".to_owned()])
        .metadata(metadata(key, order.payment_id));
    Call::post(&create, key)
}

/// The crate's own builders of these are left out: their feature has every parameter of every payment method, of which
/// payoutd sends one.
fn on_intent(method: StripeMethod, id: &IntentId, what: &str) -> RequestBuilder {
    RequestBuilder::new(method, format!("/payment_intents/{}{what}", in_path(id.as_str())))
}

pub(super) fn intent(id: &IntentId) -> Call {
    Call::from_builder(on_intent(StripeMethod::Get, id, ""), None)
}

pub(super) fn create_refund(key: &IdempotencyKey, order: &RefundOrder) -> Call {
    let create = CreateRefund::new()
        .charge(order.charge_id.as_str())
        .amount(order.amount.get())
        .metadata(metadata(key, order.payment_id));
    Call::post(&create, key)
}

/// Captures all that is authorised. It sends no metadata: the platform's own would be mixed with ours on the intent.
pub(super) fn capture(key: &IdempotencyKey, order: &IntentOrder) -> Call {
    let request = on_intent(StripeMethod::Post, &order.intent_id, "/capture");
    Call::from_builder(request.form(&BTreeMap::from([("amount_to_capture", order.amount.get())])), Some(key.clone()))
}

pub(super) fn cancel(key: &IdempotencyKey, order: &IntentOrder) -> Call {
    Call::from_builder(on_intent(StripeMethod::Post, &order.intent_id, "/cancel"), Some(key.clone()))
}

fn metadata(key: &IdempotencyKey, payment_id: PaymentId) -> HashMap<String, String> {
    HashMap::from([
        (OPERATION_KEY.to_owned(), key.as_str().to_owned()),
        (PAYMENT_KEY.to_owned(), payment_id.to_string()),
    ])
}

pub(super) fn create_transfer(key: &IdempotencyKey, order: &TransferOrder) -> Call {
    let Ok(currency) = order.currency.code().parse::<stripe_types::Currency>();
    let create = CreateTransfer::new(currency, order.destination.as_str())
        .amount(order.amount.get())
        .transfer_group(&*order.transfer_group)
        .metadata(metadata(key, order.payment_id));
    let create = match &order.source_transaction {
        Some(charge) => create.source_transaction(charge.as_str()),
        None => create,
    };
    Call::post(&create, key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::{Currency, MinorUnits};

    fn order() -> TransferOrder {
        TransferOrder {
            amount: MinorUnits::new(9_000).unwrap(),
            currency: Currency::parse("usd").unwrap(),
            destination: AccountId::new("acct_1"),
            source_transaction: Some(ChargeId::new("ch_1")),
            transfer_group: "booking 7&x".into(),
            payment_id: PaymentId(42),
            netted: MinorUnits::ZERO,
            kept: MinorUnits::ZERO,
            refunds: Vec::new(),
            carried: MinorUnits::ZERO,
            converted: None,
        }
    }

    #[test]
    fn a_transfer_is_the_same_bytes_each_time() {
        let key = IdempotencyKey::new("payoutd:transfer:pi_1:0");
        let call = create_transfer(&key, &order());
        let decoded: Vec<_> = url::form_urlencoded::parse(call.form.as_bytes()).into_owned().collect();
        let expected = [
            ("amount", "9000"),
            ("currency", "usd"),
            ("destination", "acct_1"),
            ("metadata[payoutd_operation]", "payoutd:transfer:pi_1:0"),
            ("metadata[payoutd_payment]", "42"),
            ("source_transaction", "ch_1"),
            ("transfer_group", "booking 7&x"),
        ];
        assert_eq!(decoded, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        for _ in 0..50 {
            assert_eq!(create_transfer(&key, &order()), call);
        }
        assert_eq!((call.method, &*call.path, call.key), (hyper::Method::POST, "/v1/transfers", Some(key)));
    }

    #[test]
    fn every_currency_that_payoutd_knows_is_sent_as_it_is() {
        for code in ["usd", "jpy", "kwd", "isk", "bif", "xcg", "shp", "sle"] {
            let order = TransferOrder { currency: Currency::parse(code).unwrap(), ..order() };
            let form = create_transfer(&IdempotencyKey::new("k"), &order).form;
            assert!(form.contains(&format!("currency={code}&")), "{form}");
        }
    }

    #[test]
    fn an_id_cannot_leave_its_place_in_the_path() {
        for (id, path) in [
            ("acct_1", "/v1/accounts/acct_1"),
            ("../charges", "/v1/accounts/%2E%2E%2Fcharges"),
            ("acct_1?expand[]=x", "/v1/accounts/acct_1%3Fexpand%5B%5D%3Dx"),
            ("acct 1\r\n", "/v1/accounts/acct%201%0D%0A"),
        ] {
            assert_eq!(account(&AccountId::new(id)).path, path);
        }
    }
}
