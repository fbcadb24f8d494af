//! Stripe's error shape, and the refusals that more than one call gives.
//! Texts and codes follow published examples of Stripe's answers.

use serde_json::{Map, Value, json};

/// Whether a refusal is kept under its idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// The endpoint began to execute: the same key gets the same answer again.
    Stored,
    /// Refused before execution (parameters, rate limit): the key stays unused.
    Forgotten,
}

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StripeError {
    pub status: u16,
    pub kind: &'static str,
    pub code: Option<String>,
    pub message: String,
    pub param: Option<String>,
    pub kept: Kept,
    pub should_retry: Option<bool>,
    pub rate_limited_reason: Option<&'static str>,
}

pub(super) const INVALID_REQUEST: &str = "invalid_request_error";

impl StripeError {
    /// A refusal by an endpoint that began to execute.
    pub fn refused(status: u16, code: Option<&str>, message: impl Into<String>) -> Self {
        Self {
            status,
            kind: INVALID_REQUEST,
            code: code.map(str::to_owned),
            message: message.into(),
            param: None,
            kept: Kept::Stored,
            should_retry: Some(false),
            rate_limited_reason: None,
        }
    }

    /// A refusal before anything was executed.
    pub fn invalid(code: &str, param: &str, message: impl Into<String>) -> Self {
        Self { param: Some(param.to_owned()), ..Self::before_execution(400, Some(code), message) }
    }

    pub fn before_execution(status: u16, code: Option<&str>, message: impl Into<String>) -> Self {
        Self { kept: Kept::Forgotten, should_retry: None, ..Self::refused(status, code, message) }
    }

    pub fn with_param(mut self, param: &str) -> Self {
        self.param = Some(param.to_owned());
        self
    }

    /// An id in the path that does not exist.
    pub fn no_such(kind: &str, id: &str) -> Self {
        let code = Some("resource_missing");
        Self { should_retry: None, ..Self::refused(404, code, format!("No such {kind}: '{id}'")).with_param("id") }
    }

    /// An id in a parameter that does not exist: Stripe answers 400 here, not 404.
    pub fn no_such_param(kind: &str, id: &str, param: &str) -> Self {
        Self { status: 400, ..Self::no_such(kind, id).with_param(param) }
    }

    pub fn balance_insufficient() -> Self {
        Self::refused(
            400,
            Some("balance_insufficient"),
            "You have insufficient available funds in your Stripe account. Try adding funds directly to your \
             available balance by creating Charges using the 4000000000000077 test card. See: \
             https://stripe.com/docs/testing#available-balance",
        )
    }

    /// The platform's access to an account was revoked.
    pub fn no_access(account: &str) -> Self {
        Self::refused(
            403,
            Some("account_invalid"),
            format!(
                "The provided key 'sk_test_****' does not have access to account '{account}' (or that account does \
                 not exist). Application access may have been revoked."
            ),
        )
    }

    pub fn body(&self) -> Value {
        let mut error = Map::new();
        if let Some(code) = &self.code {
            let page = code.replace('_', "-");
            error.insert("code".into(), json!(code));
            error.insert("doc_url".into(), json!(format!("https://stripe.com/docs/error-codes/{page}")));
        }
        error.insert("message".into(), json!(self.message));
        if let Some(param) = &self.param {
            error.insert("param".into(), json!(param));
        }
        error.insert("type".into(), json!(self.kind));
        json!({ "error": error })
    }
}
