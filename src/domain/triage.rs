//! What an answer of Stripe means for an operation: one table from (HTTP status, code, headers) to a verdict.
//! <https://docs.stripe.com/error-codes>, <https://docs.stripe.com/error-low-level>

use std::time::Duration;

/// A call to Stripe that did not end in a readable success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The request never left: refused connection, no name, no TLS.
    NotSent(String),
    /// It left, and no answer came: timeout, reset, broken off.
    NoAnswer(String),
    /// An answer came that cannot be read, so nobody knows what was done.
    Unreadable {
        /// The HTTP status.
        status: u16,
        /// What was wrong with it.
        why: String,
    },
    /// Stripe's error object.
    Refused(Refusal),
}

/// Stripe's error object with the headers that matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// Such as `invalid_request_error`.
    pub kind: String,
    /// Such as `balance_insufficient`; empty when there is none.
    pub code: String,
    /// Stripe's words.
    pub message: String,
    /// The parameter at fault.
    pub param: Option<String>,
    /// `Stripe-Should-Retry`.
    pub should_retry: Option<bool>,
    /// `Retry-After`.
    pub retry_after: Option<Duration>,
}

/// What to do with the operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing was done; again under the same key; the attempt counts.
    Retry,
    /// Nothing was done, Stripe is merely busy; again soon under the same key; does not count.
    RetrySoon,
    /// Somebody (an earlier try of ours) is at it under this key; ask again soon; does not count.
    AskAgain,
    /// Nothing was done for want of balance; later, under a new key; does not count.
    WaitForFunds,
    /// Nothing was done because of the mentor's account; all of theirs waits.
    HoldMentor,
    /// Nothing was done because of the platform itself; nothing is tried until a person mends it.
    StopTheWorld,
    /// Nothing was done, and trying again would not help.
    Reject,
    /// It may have been done.
    Unknown,
}

impl Failure {
    /// A word for logs and `operation_attempts.error_code`.
    pub fn code(&self) -> &str {
        match self {
            Self::NotSent(_) => "not_sent",
            Self::NoAnswer(_) => "no_answer",
            Self::Unreadable { .. } => "unreadable",
            Self::Refused(refusal) if refusal.code.is_empty() => &refusal.kind,
            Self::Refused(refusal) => &refusal.code,
        }
    }

    /// What happened, in words.
    pub fn message(&self) -> &str {
        match self {
            Self::NotSent(why) | Self::NoAnswer(why) | Self::Unreadable { why, .. } => why,
            Self::Refused(refusal) => &refusal.message,
        }
    }

    /// The HTTP status, where an answer came.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::NotSent(_) | Self::NoAnswer(_) => None,
            Self::Unreadable { status, .. } => Some(*status),
            Self::Refused(refusal) => Some(refusal.status),
        }
    }

    /// How long Stripe asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) => refusal.retry_after,
            _ => None,
        }
    }
}

/// Codes that speak of the mentor's account.
const MENTOR_CODES: &[&str] = &[
    "account_closed",
    "account_invalid",
    "insufficient_capabilities_for_transfer",
    "transfers_not_allowed",
    "payouts_not_allowed",
    "account_country_invalid_address",
    "no_account",
];

/// Codes that speak of the platform: its key, its mode, its own account.
const PLATFORM_CODES: &[&str] = &[
    "api_key_expired",
    "platform_api_key_expired",
    "platform_account_required",
    "livemode_mismatch",
    "testmode_charges_only",
    "secret_key_required",
    "tls_version_unsupported",
];

/// Reads the table, from the most particular row to the most general.
pub fn triage(failure: &Failure) -> Verdict {
    let refusal = match failure {
        Failure::NotSent(_) => return Verdict::Retry,
        Failure::NoAnswer(_) | Failure::Unreadable { .. } => return Verdict::Unknown,
        Failure::Refused(refusal) => refusal,
    };
    let code = refusal.code.as_str();
    match refusal.status {
        401 => Verdict::StopTheWorld,
        409 => Verdict::AskAgain,
        429 => Verdict::RetrySoon,
        500..=599 => Verdict::Unknown,
        _ if code == "lock_timeout" => Verdict::RetrySoon,
        _ if code == "idempotency_key_in_use" => Verdict::AskAgain,
        _ if refusal.kind == "idempotency_error" => Verdict::Unknown,
        _ if PLATFORM_CODES.contains(&code) => Verdict::StopTheWorld,
        _ if names_destination(refusal) || MENTOR_CODES.contains(&code) => Verdict::HoldMentor,
        403 => Verdict::StopTheWorld,
        _ if code == "balance_insufficient" => Verdict::WaitForFunds,
        _ if refusal.should_retry == Some(true) => Verdict::Retry,
        400..=499 => Verdict::Reject,
        _ => Verdict::Unknown,
    }
}

/// `No such destination: 'acct_…'` comes as `resource_missing` with `param: destination`.
fn names_destination(refusal: &Refusal) -> bool {
    refusal.code == "resource_missing" && refusal.param.as_deref() == Some("destination")
}

/// Whether a failure says that Stripe as such is in trouble, for the breaker's count.
pub fn is_outage(failure: &Failure) -> bool {
    match failure {
        Failure::NotSent(_) | Failure::NoAnswer(_) | Failure::Unreadable { .. } => true,
        Failure::Refused(refusal) => refusal.status >= 500,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, kind: &str, code: &str, param: Option<&str>, should_retry: Option<bool>) -> Failure {
        Failure::Refused(Refusal {
            status,
            kind: kind.into(),
            code: code.into(),
            param: param.map(str::to_owned),
            should_retry,
            ..Refusal::default()
        })
    }

    #[test]
    fn the_table() {
        let invalid = "invalid_request_error";
        for (failure, verdict) in [
            (Failure::NotSent("refused".into()), Verdict::Retry),
            (Failure::NoAnswer("timeout".into()), Verdict::Unknown),
            (Failure::Unreadable { status: 200, why: "not JSON".into() }, Verdict::Unknown),
            (refused(500, "api_error", "", None, None), Verdict::Unknown),
            (refused(503, "api_error", "", None, Some(true)), Verdict::Unknown),
            (refused(503, "api_error", "", None, Some(false)), Verdict::Unknown),
            (refused(409, "idempotency_error", "idempotency_key_in_use", None, Some(true)), Verdict::AskAgain),
            (refused(429, invalid, "rate_limit", None, None), Verdict::RetrySoon),
            (refused(429, invalid, "lock_timeout", None, Some(true)), Verdict::RetrySoon),
            (refused(400, invalid, "lock_timeout", None, Some(true)), Verdict::RetrySoon),
            (refused(400, "idempotency_error", "", None, None), Verdict::Unknown),
            (refused(400, invalid, "balance_insufficient", None, Some(false)), Verdict::WaitForFunds),
            (refused(400, invalid, "insufficient_capabilities_for_transfer", None, None), Verdict::HoldMentor),
            (refused(400, invalid, "resource_missing", Some("destination"), None), Verdict::HoldMentor),
            (refused(403, invalid, "account_invalid", None, None), Verdict::HoldMentor),
            (refused(400, invalid, "account_closed", None, None), Verdict::HoldMentor),
            (refused(401, invalid, "", None, None), Verdict::StopTheWorld),
            (refused(403, invalid, "", None, None), Verdict::StopTheWorld),
            (refused(404, invalid, "livemode_mismatch", None, None), Verdict::StopTheWorld),
            (refused(401, invalid, "api_key_expired", None, None), Verdict::StopTheWorld),
            (refused(404, invalid, "resource_missing", Some("source_transaction"), None), Verdict::Reject),
            (refused(400, invalid, "parameter_invalid_integer", Some("amount"), Some(false)), Verdict::Reject),
            (refused(402, "card_error", "card_declined", None, None), Verdict::Reject),
            (refused(400, invalid, "some_new_code", None, Some(true)), Verdict::Retry),
            (refused(302, "", "", None, None), Verdict::Unknown),
        ] {
            assert_eq!(triage(&failure), verdict, "{failure:?}");
        }
    }

    #[test]
    fn nothing_that_may_have_been_done_is_ever_called_not_done() {
        for status in (300..400).chain(500..600) {
            let failure = refused(status, "api_error", "", None, Some(false));
            assert_eq!(triage(&failure), Verdict::Unknown, "{status}");
        }
    }
}
