//! A row for the outbox: what is told to whom, and under which key it is told once. What the words are is not its
//! business.

use super::ids::{MentorId, PaymentId};
use super::mentor::Mentor;
use super::notice::Notice;
use super::payment::Customer;

/// Who is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipient {
    /// The platform's admins.
    Admin,
    /// The customer, at this address.
    Customer {
        /// Their address.
        email: String,
    },
    /// A mentor, at this address.
    Mentor {
        /// Who.
        id: MentorId,
        /// Their address.
        email: String,
    },
}

/// A row for the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Who is told.
    pub to: Recipient,
    /// What.
    pub notice: Notice,
    /// At most one email is ever written under this key.
    pub once_key: String,
    /// Waiting rows with the same key go out as one email; `None` for one email each.
    pub merge_key: Option<String>,
    /// The payment it is about.
    pub payment_id: Option<PaymentId>,
}

impl Outgoing {
    /// To the admins; alerts of one kind are merged.
    pub fn to_admin(notice: Notice, kind: &str, subject: impl std::fmt::Display, payment: Option<PaymentId>) -> Self {
        Self {
            to: Recipient::Admin,
            notice,
            once_key: format!("admin:{kind}:{subject}"),
            merge_key: Some(format!("admin:{kind}")),
            payment_id: payment,
        }
    }

    /// To a customer who has an address, or nothing.
    pub fn to_customer(customer: &Customer, notice: Notice, once_key: String) -> Option<Self> {
        let email = customer.email.clone()?;
        let payment_id = notice.payment().map(|p| p.payment_id);
        Some(Self { to: Recipient::Customer { email }, notice, once_key, merge_key: None, payment_id })
    }

    /// To a mentor who has an address, or nothing.
    pub fn to_mentor(mentor: Option<&Mentor>, notice: Notice, once_key: String, merged: bool) -> Option<Self> {
        let mentor = mentor?;
        let email = mentor.email.clone()?;
        let merge_key = merged.then(|| format!("{}:{}", once_key.split(':').next().unwrap_or("mentor"), mentor.id));
        let payment_id = notice.payment().map(|p| p.payment_id);
        let to = Recipient::Mentor { id: mentor.id.clone(), email };
        Some(Self { to, notice, once_key, merge_key, payment_id })
    }
}
