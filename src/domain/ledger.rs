//! The ledger: which entries a payment should have, from the facts about it as they are. Posting is level-triggered: the
//! store writes the difference to what is posted, so that the same facts, told in any order, end in the same balances.

use std::collections::BTreeMap;

use super::conversion::Conversion;
use super::dispute::{Dispute, Standing, standing};
use super::ids::MentorId;
use super::money::{Currency, MinorUnits};
use super::payment::words;
use super::withdrawal;

words!(
    /// Where money is, or whose it is. Amounts are debits when positive, credits when negative.
    Account {
        /// Asset: the platform's Stripe balance, before Stripe's processing fees, which payoutd is not told.
        PlatformBalance = "platform_balance",
        /// Asset: what was transferred to connected accounts and not taken back, by payoutd or by other hands.
        ConnectedBalance = "connected_balance",
        /// Income: the platform's part of what customers paid and kept.
        PlatformRevenue = "platform_revenue",
        /// Liability, by mentor: earned, and not transferred.
        MentorPayable = "mentor_payable",
        /// Liability, by mentor: theirs, in their connected account.
        MentorFunds = "mentor_funds",
        /// Asset, by mentor: what they owe the platform.
        MentorDebt = "mentor_debt",
        /// Liability, by mentor: earned, too small to be sent alone, and kept for a later transfer.
        MentorCredit = "mentor_credit",
        /// Asset: what banks have taken for disputes that are not decided.
        Disputed = "disputed",
        /// Expense: Stripe's fees for disputes, as far as the platform bears them.
        DisputeFees = "dispute_fees",
    }
);

words!(
    /// What a journal records.
    JournalKind {
        /// The customer paid; all of it is the mentor's, until the fee is taken.
        Charge = "charge",
        /// The platform's part of it.
        Fee = "fee",
        /// Money went back to the customer, from both parts.
        Refund = "refund",
        /// Money went to a connected account.
        Transfer = "transfer",
        /// Money came back from there.
        Reversal = "reversal",
        /// A bank took money, or gave it back.
        Dispute = "dispute",
        /// The mentor owes, pays off, or is forgiven.
        Debt = "debt",
        /// What is too small to be sent is kept, or sent with a later payment.
        Carry = "carry",
        /// Money went from a connected account to a bank, or came back from there.
        Withdrawal = "withdrawal",
    }
);

words!(
    /// How a debt changed, or a credit.
    DebtKind {
        /// The mentor owes more.
        Owed = "owed",
        /// Part of a payment went towards it.
        Netted = "netted",
        /// The transfer of that payment was not made: it is owed as before.
        Returned = "returned",
        /// Its cause is gone.
        Forgiven = "forgiven",
        /// What of the forgiven had been paid off already, and is to be paid to the mentor again.
        Repayable = "repayable",
        /// Too small to be sent: the mentor has that much more credit.
        Carried = "carried",
        /// Credit that is sent with a payment.
        Taken = "taken",
        /// The transfer of that payment was not made: it is credit as before.
        PutBack = "put_back",
        /// Credit that went towards a debt.
        Offset = "offset",
    }
);

/// Who made a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sender {
    /// payoutd, to pay this mentor.
    Payoutd(MentorId),
    /// Somebody else: payoutd does not know what it was for, so it is nobody's pay.
    OtherHands,
}

/// A transfer of the payment's charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferFigures {
    /// Who made it.
    pub sender: Sender,
    /// In what.
    pub currency: Currency,
    /// How much.
    pub amount: MinorUnits,
    /// What of it came back, whoever took it.
    pub reversed: MinorUnits,
}

/// A change of a debt because of the payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DebtFigures {
    /// Whose.
    pub mentor: MentorId,
    /// In what.
    pub currency: Currency,
    /// How it changed.
    pub kind: DebtKind,
    /// By how much.
    pub amount: MinorUnits,
}

/// What the mentor's part was measured by when it was transferred: the one in what was transferred, the other in what was
/// charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measure {
    /// The mentor's part then.
    pub gross: MinorUnits,
    /// What of the charge had not been refunded then.
    pub kept: MinorUnits,
}

/// What the ledger has to know about a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentFigures {
    /// Whose payment it is, as far as known.
    pub mentor: Option<MentorId>,
    /// The charge's currency.
    pub currency: Currency,
    /// What it settled as in another. Then the money is there in that currency, and the books are kept in it.
    pub conversion: Option<Conversion>,
    /// Whether the platform has the customer's money.
    pub collected: bool,
    /// What the customer paid.
    pub amount: MinorUnits,
    /// The mentor's part of it, before refunds.
    pub mentor_amount: MinorUnits,
    /// What of it went back.
    pub refunded: MinorUnits,
    /// Once it was paid to the mentor.
    pub measure: Option<Measure>,
    /// The charge's disputes.
    pub disputes: Vec<Dispute>,
    /// The charge's transfers.
    pub transfers: Vec<TransferFigures>,
    /// What it did to debts.
    pub debts: Vec<DebtFigures>,
    /// Whether the mentor bears the fee of a lost dispute.
    pub mentor_pays_dispute_fee: bool,
}

/// What entries are added up by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// In which journals.
    pub kind: JournalKind,
    /// On which account.
    pub account: Account,
    /// Whose part of it.
    pub mentor: Option<MentorId>,
    /// In what.
    pub currency: Currency,
}

/// Sums by line; lines that come to nothing are left out. Wider than an amount, so that no sum overflows.
pub type Sums = BTreeMap<Line, i128>;

/// What a journal of a kind is made of.
pub type Postings = BTreeMap<JournalKind, Vec<(Line, i128)>>;

/// Whether banks have taken the money of a dispute with this status. Inquiries take nothing.
pub fn takes_funds(status: &str) -> bool {
    matches!(status, "needs_response" | "under_review" | "lost" | "appeal_needs_response" | "appeal_under_review")
}

/// What a payment's entries should come to.
pub fn entries(payment: &PaymentFigures) -> Sums {
    let mut book = Book { payment, sums: Sums::new() };
    if payment.collected {
        book.charge();
        book.refund();
        book.disputes();
    }
    book.transfers();
    book.debts();
    book.sums.retain(|_, sum| *sum != 0);
    book.sums
}

/// A payout from a connected account, by whoever made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayoutFigures {
    /// Whose account it was, as far as known.
    pub mentor: Option<MentorId>,
    /// In what.
    pub currency: Currency,
    /// How much.
    pub amount: MinorUnits,
    /// Stripe's word for where it stands.
    pub status: String,
}

/// What a payout's entries should come to. Stripe takes the money from the account when the payout is made, and gives it
/// back when it fails or is cancelled.
pub fn payout_entries(payout: &PayoutFigures) -> Sums {
    let left = if withdrawal::has_left(&payout.status) { wide(payout.amount) } else { 0 };
    let (kind, currency) = (JournalKind::Withdrawal, payout.currency);
    let line = |account, mentor| Line { kind, account, mentor, currency };
    let funds = line(Account::MentorFunds, payout.mentor.clone());
    Sums::from([(line(Account::ConnectedBalance, None), -left), (funds, left)])
}

/// What the mentor was due when they were paid, and what they were paid, where the two differ.
pub fn paid_otherwise(payment: &PaymentFigures) -> Option<(MinorUnits, MinorUnits)> {
    let measure = payment.measure.filter(|_| payment.amount > MinorUnits::ZERO)?;
    let due = payment.mentor_amount.share(measure.kept, payment.amount, payment.currency.payout_step());
    let due = payment.conversion.map_or(due, |conversion| conversion.payable(due));
    (due != measure.gross).then_some((due, measure.gross))
}

impl PaymentFigures {
    /// What its entries are in.
    pub fn booked_in(&self) -> Currency {
        self.conversion.map_or(self.currency, |conversion| conversion.into)
    }

    /// Part of the charge, as it stands in the books.
    fn booked(&self, part: MinorUnits) -> MinorUnits {
        self.conversion.map_or(part, |conversion| conversion.booked(part))
    }

    /// What the mentor can be paid of their part.
    fn payable(&self, part: MinorUnits) -> MinorUnits {
        self.conversion.map_or(part, |conversion| conversion.payable(part))
    }
}

/// What is still to be posted.
pub fn difference(should: &Sums, posted: &Sums) -> Postings {
    let mut missing = should.clone();
    for (line, sum) in posted {
        *missing.entry(line.clone()).or_default() -= sum;
    }
    let mut postings = Postings::new();
    for (line, sum) in missing.into_iter().filter(|(_, sum)| *sum != 0) {
        postings.entry(line.kind).or_default().push((line, sum));
    }
    postings
}

/// Whether entries come to nothing, in each currency.
pub fn is_balanced<'a>(entries: impl IntoIterator<Item = &'a (Line, i128)>) -> bool {
    let mut sums: BTreeMap<Currency, i128> = BTreeMap::new();
    for (line, sum) in entries {
        *sums.entry(line.currency).or_default() += sum;
    }
    sums.values().all(|sum| *sum == 0)
}

struct Book<'a> {
    payment: &'a PaymentFigures,
    sums: Sums,
}

impl Book<'_> {
    fn post(&mut self, kind: JournalKind, account: Account, mentor: Option<MentorId>, currency: Currency, sum: i128) {
        *self.sums.entry(Line { kind, account, mentor, currency }).or_default() += sum;
    }

    /// On the payment's own accounts.
    fn own(&mut self, kind: JournalKind, account: Account, sum: i128) {
        let mentor = (account == Account::MentorPayable).then(|| self.payment.mentor.clone()).flatten();
        self.post(kind, account, mentor, self.payment.booked_in(), sum);
    }

    fn charge(&mut self) {
        let payment = self.payment;
        let (amount, mentors) = (wide(payment.booked(payment.amount)), wide(payment.payable(payment.mentor_amount)));
        self.own(JournalKind::Charge, Account::PlatformBalance, amount);
        self.own(JournalKind::Charge, Account::MentorPayable, -amount);
        self.own(JournalKind::Fee, Account::MentorPayable, amount - mentors);
        self.own(JournalKind::Fee, Account::PlatformRevenue, mentors - amount);
    }

    fn refund(&mut self) {
        let payment = self.payment;
        let refunded = wide(payment.booked(payment.refunded));
        let mentors = wide(payment.payable(payment.mentor_amount)) - self.earned(wide(payment.refunded));
        self.own(JournalKind::Refund, Account::PlatformBalance, -refunded);
        self.own(JournalKind::Refund, Account::MentorPayable, mentors);
        self.own(JournalKind::Refund, Account::PlatformRevenue, refunded - mentors);
    }

    /// What is lost is lost by both, like a refund; what is not decided stands aside.
    fn disputes(&mut self) {
        let payment = self.payment;
        let mut gone = wide(payment.refunded);
        let (mut lost_fees, mut earned) = (0, self.earned(gone));
        for dispute in &payment.disputes {
            let (kind, lost) = (JournalKind::Dispute, standing(&dispute.status) == Standing::Lost);
            let of_charge = dispute.currency == payment.currency;
            let amount = if takes_funds(&dispute.status) { dispute.amount } else { MinorUnits::ZERO };
            let (taken, currency) = match of_charge {
                true => (wide(payment.booked(amount)), payment.booked_in()),
                false => (wide(amount), dispute.currency),
            };
            let (fee, fee_currency) = (wide(dispute.fee), dispute.fee_currency);
            self.post(kind, Account::PlatformBalance, None, fee_currency, -fee);
            self.post(kind, Account::DisputeFees, None, fee_currency, fee);
            self.post(kind, Account::PlatformBalance, None, currency, -taken);
            self.post(kind, Account::Disputed, None, currency, taken);
            if lost && of_charge {
                let before = earned;
                gone += wide(amount);
                earned = self.earned(gone);
                self.own(kind, Account::Disputed, -taken);
                self.own(kind, Account::MentorPayable, before - earned);
                self.own(kind, Account::PlatformRevenue, taken - (before - earned));
                lost_fees += if fee_currency == payment.booked_in() { fee } else { 0 };
            }
        }
        if payment.mentor_pays_dispute_fee {
            let borne = lost_fees - lost_fees % i128::from(payment.booked_in().step());
            let borne = borne.min(earned);
            self.own(JournalKind::Dispute, Account::DisputeFees, -borne);
            self.own(JournalKind::Dispute, Account::MentorPayable, borne);
        }
    }

    /// What the mentor has earned, in what is booked, when so much of the charge is gone, in what was charged. Once it was
    /// paid, it shrinks by what it was measured by, as what is taken back does.
    fn earned(&self, gone: i128) -> i128 {
        let payment = self.payment;
        let gone = MinorUnits::new(i64::try_from(gone).unwrap_or(i64::MAX)).unwrap_or_default();
        let kept = payment.amount.saturating_sub(gone);
        let earned = match payment.measure {
            Some(Measure { kept: MinorUnits::ZERO, .. }) if kept == MinorUnits::ZERO => MinorUnits::ZERO,
            Some(measure) if kept <= measure.kept => {
                measure.gross.share(kept, measure.kept, payment.booked_in().payout_step())
            }
            _ if payment.amount == MinorUnits::ZERO => MinorUnits::ZERO,
            _ => payment.payable(payment.mentor_amount.share(kept, payment.amount, payment.currency.payout_step())),
        };
        wide(earned)
    }

    fn transfers(&mut self) {
        for transfer in &self.payment.transfers {
            self.transfer(JournalKind::Transfer, transfer, wide(transfer.amount));
            self.transfer(JournalKind::Reversal, transfer, -wide(transfer.reversed));
        }
    }

    fn transfer(&mut self, kind: JournalKind, transfer: &TransferFigures, sent: i128) {
        let currency = transfer.currency;
        self.post(kind, Account::ConnectedBalance, None, currency, sent);
        self.post(kind, Account::PlatformBalance, None, currency, -sent);
        if let Sender::Payoutd(mentor) = &transfer.sender {
            self.post(kind, Account::MentorPayable, Some(mentor.clone()), currency, sent);
            self.post(kind, Account::MentorFunds, Some(mentor.clone()), currency, -sent);
        }
    }

    fn debts(&mut self) {
        for debt in &self.payment.debts {
            let amount = wide(debt.amount);
            let (kind, account, other, sum) = match debt.kind {
                DebtKind::Owed | DebtKind::Returned | DebtKind::Repayable => {
                    (JournalKind::Debt, Account::MentorDebt, Account::MentorPayable, amount)
                }
                DebtKind::Netted | DebtKind::Forgiven => {
                    (JournalKind::Debt, Account::MentorDebt, Account::MentorPayable, -amount)
                }
                DebtKind::Carried | DebtKind::PutBack => {
                    (JournalKind::Carry, Account::MentorCredit, Account::MentorPayable, -amount)
                }
                DebtKind::Taken => (JournalKind::Carry, Account::MentorCredit, Account::MentorPayable, amount),
                DebtKind::Offset => (JournalKind::Debt, Account::MentorDebt, Account::MentorCredit, -amount),
            };
            let mentor = || Some(debt.mentor.clone());
            self.post(kind, account, mentor(), debt.currency, sum);
            self.post(kind, other, mentor(), debt.currency, -sum);
        }
    }
}

fn wide(amount: MinorUnits) -> i128 {
    i128::from(amount.get())
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
