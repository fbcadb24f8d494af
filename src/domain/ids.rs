//! One type for each kind of id, so that a charge's id cannot stand where a transfer's is meant.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps the text as it came; ids of other systems are not ours to judge.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The id as an owned text.
            pub fn into_string(self) -> String {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

text_id!(
    /// A mentor, by the id that the platform uses for them.
    MentorId
);
text_id!(
    /// What makes a payment one payment: its payment intent (`pi_…`), or its charge (`ch_…`) when it has none.
    PaymentKey
);
text_id!(
    /// A Stripe payment intent, `pi_…`.
    IntentId
);
text_id!(
    /// A Stripe checkout session, `cs_…`.
    SessionId
);
text_id!(
    /// A Stripe charge, `ch_…` (or `py_…` for some bank payments).
    ChargeId
);
text_id!(
    /// A Stripe transfer, `tr_…`.
    TransferId
);
text_id!(
    /// A Stripe connected account, `acct_…`.
    AccountId
);
text_id!(
    /// A Stripe dispute, `du_…` or `dp_…`.
    DisputeId
);
text_id!(
    /// A Stripe refund, `re_…`.
    RefundId
);
text_id!(
    /// A Stripe transfer reversal, `trr_…`.
    ReversalId
);
text_id!(
    /// A Stripe payout to a bank, `po_…`.
    PayoutId
);
text_id!(
    /// A Stripe event, `evt_…`.
    EventId
);
text_id!(
    /// What makes a repeated request to Stripe the same request.
    IdempotencyKey
);

number_id!(
    /// A payment's row, the number that an admin sees and types.
    PaymentId
);
number_id!(
    /// An operation's row.
    OperationId
);
number_id!(
    /// A refund request's row.
    RequestId
);
number_id!(
    /// A withdrawal's row.
    WithdrawalId
);
number_id!(
    /// A release run's row.
    RunId
);
