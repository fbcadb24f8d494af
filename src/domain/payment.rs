//! A payment: a customer's charge for one session. What is known about it, and where it stands.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::conversion::Conversion;
use super::ids::{ChargeId, IntentId, MentorId, PaymentId, TransferId};
use super::money::{Currency, MinorUnits};
use super::session::Session;

/// Declares an enum whose values are stored and shown as a fixed word each.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant),+
        }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word it is stored and shown as.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// Reads the word back.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.word())
            }
        }
    };
}
pub(crate) use words;

words!(
    /// Where a payment stands on its way to the mentor.
    PaymentStatus {
        /// The customer has not paid (yet); a webhook moves it.
        Unpaid = "unpaid",
        /// The customer's money is reserved, not charged; the capture moves it.
        Authorized = "authorized",
        /// Waiting for its window or its turn; the release run moves it.
        Pending = "pending",
        /// Something speaks against paying; whatever changes that fact moves it.
        Held = "held",
        /// Refunded in full before it was transferred; only a failed refund moves it.
        Refunded = "refunded",
        /// An operation is under way; its outcome moves it.
        Releasing = "releasing",
        /// Stripe said no for good; a person moves it (`payoutd retry`).
        Failed = "failed",
        /// The transfer exists. Later refunds and disputes are answered by reversals.
        Transferred = "transferred",
        /// Too small to be sent alone: it is the mentor's credit, which goes out with a later payment.
        Carried = "carried",
        /// All of it went towards the mentor's debt; nothing was sent.
        Netted = "netted",
    }
);

words!(
    /// How far the customer's money has come, by what Stripe told.
    Collection {
        /// Asked for, not there yet.
        Awaiting = "awaiting",
        /// An attempt to pay failed; the customer may try again.
        Failed = "failed",
        /// Reserved at the customer's bank: to be captured, or let go of.
        Authorized = "authorized",
        /// Will never be paid.
        Canceled = "canceled",
        /// The platform has it.
        Paid = "paid",
    }
);

words!(
    /// What has become of a payment's transfer.
    TransferStatus {
        /// Created.
        Paid = "paid",
        /// Taken back in part.
        PartlyReversed = "partly_reversed",
        /// Taken back in full.
        Reversed = "reversed",
    }
);

words!(
    /// Why a payment that nothing speaks against is not tried before a set time.
    WaitWhy {
        /// The dispute window is open.
        Window = "window",
        /// The platform's Stripe balance was short.
        Funds = "funds",
        /// The charge could not be read from Stripe right before the transfer.
        Preflight = "preflight",
    }
);

impl PaymentStatus {
    /// Whether the mentor has had their part: by a transfer, as credit, or by having their debt reduced.
    pub fn is_paid(self) -> bool {
        matches!(self, Self::Transferred | Self::Carried | Self::Netted)
    }
}

/// A time before which a payment is not tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Not before this.
    pub until: DateTime<Utc>,
    /// Because of this.
    pub why: WaitWhy,
}

/// Who paid, as far as Stripe told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Customer {
    /// Their name.
    pub name: Option<String>,
    /// Their address.
    pub email: Option<String>,
}

/// A payment as the decision sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Its row.
    pub id: PaymentId,
    /// Whether the money is real.
    pub livemode: bool,
    /// Where it stands.
    pub status: PaymentStatus,
    /// How far the customer's money has come.
    pub collection: Collection,
    /// Its payment intent, where it has one.
    pub intent_id: Option<IntentId>,
    /// Its charge, once known.
    pub charge_id: Option<ChargeId>,
    /// Who is to be paid, as the metadata says.
    pub mentor_id: Option<MentorId>,
    /// The platform's booking, as the metadata says.
    pub booking_id: Option<String>,
    /// The charge's currency.
    pub currency: Currency,
    /// What the charge settled in, once read from Stripe.
    pub settlement_currency: Option<Currency>,
    /// What of that currency came in for all of it, before Stripe's fees.
    pub settlement_amount: Option<MinorUnits>,
    /// What the customer paid.
    pub amount: MinorUnits,
    /// The mentor's part of it, before refunds.
    pub mentor_amount: MinorUnits,
    /// What of `amount` went back to the customer.
    pub refunded: MinorUnits,
    /// Why the stated fee could not be used.
    pub fee_conflict: Option<String>,
    /// When the customer's money was reserved, where it was authorised first.
    pub authorized_at: Option<DateTime<Utc>>,
    /// When the customer paid, if they have.
    pub paid_at: Option<DateTime<Utc>>,
    /// The session that it is for.
    pub session: Session,
    /// Who paid.
    pub customer: Customer,
    /// When the dispute window ends; `None` while unpaid.
    pub window_ends: Option<DateTime<Utc>>,
    /// The admin's flag with its reason; `None` when not raised.
    pub flag: Option<String>,
    /// How often the flag was lifted before: it tells one raising from another.
    pub flag_lifted: i64,
    /// The charge says that it has been disputed at some time.
    pub charge_disputed: bool,
    /// Stripe itself moved the money on (a destination charge).
    pub destination_charge: bool,
    /// The charge's own transfer group.
    pub transfer_group: Option<String>,
    /// Not to be tried before, and why.
    pub pause: Option<Pause>,
    /// Our transfer, once it exists.
    pub transfer_id: Option<TransferId>,
    /// The reasons of the last decision, as stored: codes with commas between.
    pub hold_reasons: String,
}

impl Payment {
    /// What the mentor is due now: their part of what was not refunded.
    pub fn mentor_due(&self) -> MinorUnits {
        if self.amount == MinorUnits::ZERO {
            return MinorUnits::ZERO;
        }
        let kept = self.amount.saturating_sub(self.refunded);
        self.mentor_amount.share(kept, self.amount, self.currency.payout_step())
    }

    /// How the charge became another currency, where it did and that is known.
    pub fn conversion(&self) -> Option<Conversion> {
        let into = self.settlement_currency.filter(|settled| *settled != self.currency)?;
        let settled = self.settlement_amount?;
        let charged = Some(self.amount).filter(|amount| *amount > MinorUnits::ZERO)?;
        Some(Conversion { from: self.currency, charged, into, settled })
    }

    /// What the mentor is paid in: Stripe transfers a charge's money only in what it settled in.
    /// <https://docs.stripe.com/connect/separate-charges-and-transfers#transfer-availability>
    pub fn pay_currency(&self) -> Currency {
        self.conversion().map_or(self.currency, |conversion| conversion.into)
    }

    /// What the mentor is due now in [`Self::pay_currency`].
    pub fn mentor_pay(&self) -> MinorUnits {
        let due = self.mentor_due();
        self.conversion().map_or(due, |conversion| conversion.payable(due))
    }

    /// Whether all of it went back to the customer.
    pub fn refunded_in_full(&self) -> bool {
        self.refunded > MinorUnits::ZERO && self.refunded >= self.amount
    }
}
