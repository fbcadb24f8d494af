//! Connected accounts: what they may receive, and whether the platform still has access to them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Core;
use super::error::StripeError;
use super::page::{allow, page};
use super::params::{Params, update_metadata};
use super::store::Object;

/// The status of the `transfers` capability, in Stripe's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CapabilityStatus {
    /// Can receive transfers.
    Active,
    /// Cannot: something is missing or was rejected.
    Inactive,
    /// Cannot yet: Stripe is checking.
    Pending,
    /// Never asked for.
    Unrequested,
}

impl CapabilityStatus {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Pending => "pending",
            Self::Unrequested => "unrequested",
        }
    }
}

/// What the platform can do with an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Everything that its capabilities allow.
    Open,
    /// Stripe or its owner closed it: transfers to it are refused.
    Closed,
    /// Its owner disconnected it from the platform: the platform may not even read it.
    Deauthorized,
}

#[derive(Debug, Clone)]
pub(super) struct Account {
    pub id: String,
    pub created: i64,
    pub country: String,
    pub default_currency: String,
    pub email: Option<String>,
    pub transfers: CapabilityStatus,
    pub disabled_reason: Option<String>,
    pub access: Access,
    /// Whether its bank takes instant payouts.
    pub instant_payouts: bool,
    /// When Stripe pays out by itself.
    pub payout_interval: String,
    pub metadata: BTreeMap<String, String>,
}

const DUE: [&str; 3] = ["external_account", "tos_acceptance.date", "tos_acceptance.ip"];

impl Account {
    pub fn is_active(&self) -> bool {
        self.transfers == CapabilityStatus::Active
    }

    fn capabilities(&self) -> Value {
        match self.transfers {
            CapabilityStatus::Unrequested => json!({}),
            status => json!({"transfers": status.name()}),
        }
    }

    fn due(&self) -> &'static [&'static str] {
        if self.is_active() { &[] } else { &DUE }
    }

    fn requirements(&self) -> Value {
        let due = self.due();
        json!({
            "alternatives": [], "current_deadline": null, "currently_due": due,
            "disabled_reason": self.disabled_reason, "errors": [], "eventually_due": due, "past_due": [],
            "pending_verification": [],
        })
    }

    fn settings(&self) -> Value {
        let mut schedule = json!({"delay_days": 2, "interval": self.payout_interval});
        match self.payout_interval.as_str() {
            "weekly" => schedule["weekly_anchor"] = json!("friday"),
            "monthly" => schedule["monthly_anchor"] = json!(1),
            _ => {}
        }
        json!({
            "branding": {"icon": null, "logo": null, "primary_color": null, "secondary_color": null},
            "card_payments": {
                "statement_descriptor_prefix": null, "statement_descriptor_prefix_kana": null,
                "statement_descriptor_prefix_kanji": null,
            },
            "dashboard": {"display_name": null, "timezone": "Etc/UTC"},
            "payments": {
                "statement_descriptor": null, "statement_descriptor_kana": null, "statement_descriptor_kanji": null,
                "statement_descriptor_prefix_kana": null, "statement_descriptor_prefix_kanji": null,
            },
            "payouts": {
                "debit_negative_balances": true, "schedule": schedule,
                "statement_descriptor": null,
            },
        })
    }

    /// The `transfers` capability as an object of its own.
    pub fn capability_json(&self) -> Value {
        let requested = self.transfers != CapabilityStatus::Unrequested;
        let requirements = json!({
            "alternatives": [], "current_deadline": null, "currently_due": self.due(), "disabled_reason": null,
            "errors": [], "eventually_due": self.due(), "past_due": [], "pending_verification": [],
        });
        json!({
            "id": "transfers", "object": "capability", "account": self.id, "requested": requested,
            "requested_at": requested.then_some(self.created), "requirements": requirements,
            "status": self.transfers.name(),
        })
    }
}

impl Object for Account {
    const KIND: &'static str = "account";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn json(&self) -> Value {
        let url = format!("/v1/accounts/{}/external_accounts", self.id);
        json!({
            "id": self.id, "object": "account", "business_type": null, "capabilities": self.capabilities(),
            "charges_enabled": self.is_active(), "controller": {"type": "application", "is_controller": true},
            "country": self.country, "created": self.created, "default_currency": self.default_currency,
            "details_submitted": self.is_active(), "email": self.email,
            "external_accounts": {"object": "list", "data": [], "has_more": false, "url": url},
            "metadata": self.metadata, "payouts_enabled": self.is_active(), "requirements": self.requirements(),
            "settings": self.settings(), "tos_acceptance": {"date": null, "ip": null, "user_agent": null},
            "type": "express",
        })
    }
}

const CREATE_PARAMS: &[&str] = &[
    "account_token",
    "business_profile",
    "business_type",
    "capabilities",
    "company",
    "controller",
    "country",
    "default_currency",
    "documents",
    "email",
    "external_account",
    "groups",
    "individual",
    "metadata",
    "settings",
    "tos_acceptance",
    "type",
];

fn interval(params: &Params) -> Result<Option<&str>, StripeError> {
    let name = "settings[payouts][schedule][interval]";
    params.one_of(name, &["daily", "manual", "monthly", "weekly"])?;
    params.text(name)
}

impl Core {
    pub(super) fn list_accounts(&self, params: &Params) -> Result<Value, StripeError> {
        allow(params, &[])?;
        page(params, "/v1/accounts", self.accounts.iter(), |account| account.access != Access::Deauthorized)
    }

    pub(super) fn create_account(&mut self, params: &Params) -> Result<Value, StripeError> {
        params.allow(CREATE_PARAMS)?;
        params.one_of("type", &["custom", "express", "standard"])?;
        let requested = params.raw("capabilities[transfers][requested]") == Some("true");
        let transfers = if requested { CapabilityStatus::Inactive } else { CapabilityStatus::Unrequested };
        let account = Account {
            id: String::new(),
            created: self.now,
            country: params.text("country")?.unwrap_or("US").to_owned(),
            default_currency: params.text("default_currency")?.unwrap_or("usd").to_owned(),
            email: params.text("email")?.map(str::to_owned),
            transfers,
            disabled_reason: Some("requirements.past_due".into()),
            access: Access::Open,
            instant_payouts: true,
            payout_interval: interval(params)?.unwrap_or("daily").to_owned(),
            metadata: params.metadata()?,
        };
        let id = self.ids.short("acct_");
        self.accounts.insert(Account { id: id.clone(), ..account });
        Ok(self.account_json(&id))
    }

    pub(super) fn update_account(&mut self, id: &str, params: &Params) -> Result<Value, StripeError> {
        params.allow(CREATE_PARAMS)?;
        let metadata = params.metadata()?;
        let email = params.text("email")?.map(str::to_owned);
        let interval = interval(params)?.map(str::to_owned);
        let before = self.account(id)?.clone();
        let requested = params.raw("capabilities[transfers][requested]") == Some("true");
        if let Some(account) = self.accounts.get_mut(id) {
            update_metadata(&mut account.metadata, metadata);
            account.email = email.or(account.email.take());
            account.payout_interval = interval.unwrap_or(std::mem::take(&mut account.payout_interval));
            if requested && account.transfers == CapabilityStatus::Unrequested {
                account.transfers = CapabilityStatus::Inactive;
            }
        }
        let previous = json!({"email": before.email, "metadata": before.metadata});
        self.emit_for(id, "account.updated", self.account_json(id), Some(previous));
        Ok(self.account_json(id))
    }

    pub(super) fn create_account_link(&mut self, params: &Params) -> Result<Value, StripeError> {
        params.allow(&["account", "collect", "collection_options", "refresh_url", "return_url", "type"])?;
        params.required("type")?;
        params.one_of("type", &["account_onboarding", "account_update"])?;
        let account = params.required("account")?.to_owned();
        self.account(&account)?;
        let url = format!("https://connect.stripe.com/setup/e/{account}/{}", self.ids.short("link"));
        Ok(json!({
            "object": "account_link", "created": self.now, "expires_at": self.now + 300, "url": url,
        }))
    }

    /// An account that the platform may read: Stripe says 403, not 404, of any other.
    pub(super) fn account(&self, id: &str) -> Result<&Account, StripeError> {
        let account = self.accounts.get(id).filter(|account| account.access != Access::Deauthorized);
        account.ok_or_else(|| StripeError::no_access(id))
    }

    pub(super) fn account_json(&self, id: &str) -> Value {
        self.accounts.get(id).map_or(Value::Null, Object::json)
    }

    pub(super) fn get_capability(&self, account: &str, capability: &str) -> Result<Value, StripeError> {
        if capability != "transfers" {
            return Err(StripeError::no_such("capability", capability).with_param("capability"));
        }
        Ok(self.account(account)?.capability_json())
    }

    /// Onboarding finished, or Stripe found something missing.
    pub(super) fn change_capability(
        &mut self,
        id: &str,
        status: CapabilityStatus,
        disabled_reason: Option<String>,
    ) -> Result<(), StripeError> {
        let before = self.account(id)?.clone();
        if let Some(account) = self.accounts.get_mut(id) {
            account.transfers = status;
            account.disabled_reason = match status {
                CapabilityStatus::Active => None,
                _ => disabled_reason.or_else(|| Some("requirements.past_due".into())),
            };
        }
        let now = self.account(id)?.clone();
        let previous = json!({
            "capabilities": {"transfers": before.transfers.name()}, "charges_enabled": before.is_active(),
            "payouts_enabled": before.is_active(),
        });
        self.emit_for(id, "account.updated", now.json(), Some(previous));
        let previous = json!({"status": before.transfers.name()});
        self.emit_for(id, "capability.updated", now.capability_json(), Some(previous));
        Ok(())
    }

    /// Closes an account or takes it out of the platform's hands.
    pub(super) fn change_access(&mut self, id: &str, access: Access) -> Result<(), StripeError> {
        self.account(id)?;
        if access == Access::Closed {
            self.change_capability(id, CapabilityStatus::Inactive, Some("rejected.other".into()))?;
        }
        if let Some(account) = self.accounts.get_mut(id) {
            account.access = access;
        }
        if access == Access::Deauthorized {
            let application = json!({"id": "ca_sandbox", "object": "application", "name": "payoutd sandbox"});
            self.emit_for(id, "account.application.deauthorized", application, None);
        }
        Ok(())
    }
}
