//! The bank leg and connected accounts: `[withdrawal_minimums]` and `[onboarding]`.

use std::collections::BTreeMap;

use super::checker::Checker;
use super::money::check_amounts;
use super::reader::Reader;
use super::value::words;
use crate::domain::onboarding::AccountType;

/// Accounts that are made for mentors.
#[derive(Debug, Clone)]
pub struct Onboarding {
    /// Of which kind.
    pub account_type: AccountType,
    /// Where mentors live, where nothing else is said.
    pub country: Option<String>,
    /// Where Stripe sends mentors back to.
    pub return_url: Option<String>,
    /// Where it sends those whose link is used up or too old.
    pub refresh_url: Option<String>,
    /// Whether accounts are made to pay out only when asked.
    pub manual_payouts: bool,
}

words!(AccountType {
    "express" => AccountType::Express,
    "standard" => AccountType::Standard,
    "custom" => AccountType::Custom
});

impl Onboarding {
    pub(super) fn read(r: &mut Reader) -> Self {
        Onboarding {
            account_type: r.take("onboarding.account_type", AccountType::Express),
            country: r.take_optional("onboarding.country"),
            return_url: r.take_optional("onboarding.return_url"),
            refresh_url: r.take_optional("onboarding.refresh_url"),
            manual_payouts: r.take("onboarding.manual_payouts", false),
        }
    }

    pub(super) fn check(&self, c: &mut Checker<'_>) {
        let country = self.country.as_deref();
        let two_capitals = |code: &str| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
        c.require(country.is_none_or(two_capitals), "onboarding.country", || {
            "is not a country: write its two letters in capitals, such as US".to_owned()
        });
        for (key, url) in [("onboarding.return_url", &self.return_url), ("onboarding.refresh_url", &self.refresh_url)] {
            c.require(url.as_deref().is_none_or(is_page), key, || {
                "is not an address that Stripe sends people to: write https://…".to_owned()
            });
        }
        c.require(self.refresh_url.is_none() || self.return_url.is_some(), "onboarding.refresh_url", || {
            "is set without onboarding.return_url: set both".to_owned()
        });
    }
}

/// Stripe takes plain HTTP in test mode, too.
fn is_page(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host())
}

/// Below these nothing is withdrawn, in minor units by lower-case currency.
pub(super) fn read_minimums(r: &mut Reader) -> BTreeMap<String, i64> {
    r.take_open("withdrawal_minimums")
}

pub(super) fn check_minimums(minimums: &BTreeMap<String, i64>, c: &mut Checker<'_>) {
    check_amounts("withdrawal_minimums", minimums, c);
}
