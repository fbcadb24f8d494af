//! What differs between this database and Stripe: compared fact by fact, and what a person may do about it. It mends nothing.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::facts::Fact;
use super::ids::PaymentId;
use super::money::{Currency, MinorUnits};
use super::payment::words;

words!(
    /// What is compared.
    Compared {
        /// Transfers, with what of them was reversed.
        Transfer = "transfer",
        /// Refunds.
        Refund = "refund",
        /// Disputes.
        Dispute = "dispute",
        /// Payouts to banks.
        Payout = "payout",
    }
);

words!(
    /// How it differs.
    DiscrepancyKind {
        /// Stripe has it, this database does not.
        MissingHere = "missing_here",
        /// This database has it, Stripe does not.
        MissingThere = "missing_there",
        /// Another amount.
        Amount = "amount",
        /// Another currency.
        Currency = "currency",
        /// Another account.
        Destination = "destination",
        /// More or less of it was taken back.
        Reversed = "reversed",
        /// It stands elsewhere on its way.
        Status = "status",
    }
);

impl DiscrepancyKind {
    /// What differs, in words without ids.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::MissingHere => "Stripe has it, payoutd does not",
            Self::MissingThere => "payoutd has it, Stripe does not",
            Self::Amount => "the amounts are not the same",
            Self::Currency => "the currencies are not the same",
            Self::Destination => "the accounts are not the same",
            Self::Reversed => "what of it was taken back is not the same",
            Self::Status => "it does not stand where Stripe says",
        }
    }

    /// Whether what Stripe says can be taken in as it is: facts that are missing or old here. No money moves by it.
    pub fn is_adopted(self) -> bool {
        matches!(self, Self::MissingHere | Self::Reversed | Self::Status)
    }
}

/// Something that is not the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Discrepancy {
    /// How it differs.
    pub kind: DiscrepancyKind,
    /// What.
    pub subject: Compared,
    /// Stripe's id of it.
    pub object_id: String,
    /// The payment that it is about, where that is known.
    pub payment: Option<PaymentId>,
    /// What this database has, in words.
    pub here: String,
    /// What Stripe has.
    pub there: String,
    /// Its own time.
    pub stands_at: DateTime<Utc>,
}

impl Discrepancy {
    /// What it is about, in words without an id of Stripe's.
    pub fn about(&self) -> String {
        self.payment.map_or_else(|| format!("a {}", self.subject), |id| format!("payment {id}, a {}", self.subject))
    }

    /// In a sentence.
    pub fn sentence(&self) -> String {
        format!("{}: here {}, at Stripe {}", self.kind.word().replace('_', " "), self.here, self.there)
    }

    /// What to type next.
    pub fn command(&self) -> String {
        match (self.kind.is_adopted(), self.payment) {
            (true, _) => "payoutd reconcile --fix".to_owned(),
            (false, Some(payment)) => format!("payoutd explain {payment}"),
            (false, None) => format!("look at {} in Stripe's dashboard", self.object_id),
        }
    }
}

/// What this database has of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Stripe's id of it.
    pub object_id: String,
    /// The payment that it is about.
    pub payment: Option<PaymentId>,
    /// How much, in minor units.
    pub amount: i64,
    /// In what.
    pub currency: String,
    /// To whom, of a transfer.
    pub destination: Option<String>,
    /// What of a transfer was taken back.
    pub reversed: Option<i64>,
    /// Stripe's word for where it stands.
    pub status: Option<String>,
    /// Whether it carries a key of ours that no operation answers to: it was done, and the payment does not know.
    pub unanswered: bool,
}

/// What Stripe has of something, to be compared.
struct There<'a> {
    subject: Compared,
    id: &'a str,
    amount: MinorUnits,
    currency: Currency,
    destination: Option<&'a str>,
    reversed: Option<MinorUnits>,
    status: Option<&'a str>,
}

fn there(fact: &Fact) -> Option<There<'_>> {
    let plain = |subject, id, amount, currency| There {
        subject,
        id,
        amount,
        currency,
        destination: None,
        reversed: None,
        status: None,
    };
    Some(match fact {
        Fact::Transfer(t) => There {
            destination: Some(t.destination.as_str()),
            reversed: Some(t.reversed),
            ..plain(Compared::Transfer, t.id.as_str(), t.amount, t.currency)
        },
        Fact::Refund(r) => {
            There { status: Some(&r.status), ..plain(Compared::Refund, r.id.as_str(), r.amount, r.currency) }
        }
        Fact::Dispute(d) => {
            let d = &d.dispute;
            There { status: Some(&d.status), ..plain(Compared::Dispute, d.id.as_str(), d.amount, d.currency) }
        }
        Fact::Payout(p) => {
            There { status: Some(&p.status), ..plain(Compared::Payout, p.id.as_str(), p.amount, p.currency) }
        }
        _ => return None,
    })
}

/// The id of what is compared.
pub fn id_of(fact: &Fact) -> Option<&str> {
    there(fact).map(|there| there.id)
}

/// Compares what Stripe has with what is kept of it.
pub fn compare(fact: &Fact, kept: Option<&Kept>, stands_at: DateTime<Utc>) -> Vec<Discrepancy> {
    let Some(there) = there(fact) else { return Vec::new() };
    let payment = kept.and_then(|kept| kept.payment);
    let differs = |kind, here: String, told: String| Discrepancy {
        kind,
        subject: there.subject,
        object_id: there.id.to_owned(),
        payment,
        here,
        there: told,
        stands_at,
    };
    let sum = there.currency.display(there.amount);
    let kept = match kept {
        None => return vec![differs(DiscrepancyKind::MissingHere, "nothing".into(), sum)],
        Some(kept) if kept.unanswered => {
            return vec![differs(DiscrepancyKind::MissingHere, "no operation of its payment".into(), sum)];
        }
        Some(kept) => kept,
    };
    let mut found = Vec::new();
    let mut unequal = |kind, here: Option<String>, told: Option<String>| {
        if let (Some(here), Some(told)) = (here, told)
            && here != told
        {
            found.push(differs(kind, here, told));
        }
    };
    use DiscrepancyKind as Kind;
    unequal(Kind::Amount, Some(kept.amount.to_string()), Some(there.amount.to_string()));
    unequal(Kind::Currency, Some(kept.currency.clone()), Some(there.currency.code().to_owned()));
    unequal(Kind::Destination, kept.destination.clone(), there.destination.map(str::to_owned));
    unequal(Kind::Reversed, kept.reversed.map(|n| n.to_string()), there.reversed.map(|n| n.to_string()));
    unequal(Kind::Status, kept.status.clone(), there.status.map(str::to_owned));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::facts::TransferFact;
    use crate::domain::ids::{AccountId, TransferId};

    fn at() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn transfer() -> Fact {
        Fact::Transfer(TransferFact {
            id: TransferId::new("tr_1"),
            charge_id: None,
            destination: AccountId::new("acct_1"),
            amount: MinorUnits::new(9_000).unwrap(),
            reversed: MinorUnits::new(100).unwrap(),
            currency: Currency::parse("usd").unwrap(),
            transfer_group: None,
            operation_key: None,
            created_at: at(),
        })
    }

    fn kept() -> Kept {
        Kept {
            object_id: "tr_1".into(),
            payment: Some(PaymentId(7)),
            amount: 9_000,
            currency: "usd".into(),
            destination: Some("acct_1".into()),
            reversed: Some(100),
            status: None,
            unanswered: false,
        }
    }

    #[test]
    fn each_difference_has_its_kind_and_command() {
        type Change = fn(&mut Kept);
        let cases: [(Change, &str, &str); 5] = [
            (|k| k.amount = 8_000, "amount", "payoutd explain 7"),
            (|k| k.currency = "eur".into(), "currency", "payoutd explain 7"),
            (|k| k.destination = Some("acct_2".into()), "destination", "payoutd explain 7"),
            (|k| k.reversed = Some(0), "reversed", "payoutd reconcile --fix"),
            (|k| k.unanswered = true, "missing_here", "payoutd reconcile --fix"),
        ];
        assert_eq!(compare(&transfer(), Some(&kept()), at()), []);
        for (change, kind, command) in cases {
            let mut kept = kept();
            change(&mut kept);
            let found = compare(&transfer(), Some(&kept), at());
            let found: Vec<_> = found.iter().map(|d| (d.kind.word(), d.command())).collect();
            assert_eq!(found, [(kind, command.to_owned())]);
        }
        let missing = compare(&transfer(), None, at());
        assert_eq!(missing[0].sentence(), "missing here: here nothing, at Stripe 90.00 USD");
    }
}
