//! Payments in emails: by themselves as facts, several as a table with totals. It decides no sentence.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::domain::money::MinorUnits;
use crate::domain::notice::PaymentBrief;

use super::story::{Column, Row, Table};
use super::text::{and_list, clip, one_line};

/// More rows than this are only counted: an email is not a report.
pub const ROWS_MAX: usize = 50;
/// What a booking or a name may take of a 72 character line.
const CELL_MAX: usize = 20;

/// One line of a list.
#[derive(Clone, Copy, PartialEq)]
pub struct Line<'a> {
    /// The payment.
    pub payment: &'a PaymentBrief,
    /// When it happened, where that is told.
    pub at: Option<DateTime<Utc>>,
    /// What is to be said of this one alone.
    pub note: Option<&'a str>,
}

/// Who reads a list: mentors know their own name.
#[derive(Clone, Copy, PartialEq)]
pub enum Reader {
    /// The mentor who is paid.
    Mentor,
    /// An admin of the platform.
    Admin,
}

/// `90.00 USD`.
pub fn amount(payment: &PaymentBrief) -> String {
    payment.currency.display(payment.amount_minor)
}

/// `3 March 2026, 14:05 UTC`, `3 March 2026, 15:05 CET`.
pub fn time(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone).format("%-d %B %Y, %H:%M %Z").to_string()
}

/// The booking as one line, where there is one.
pub fn booking(payment: &PaymentBrief) -> Option<String> {
    payment.booking_id.as_deref().map(|id| one_line(id, 60)).filter(|id| !id.is_empty())
}

/// The mentor as one line, where somebody is named.
pub fn mentor(payment: &PaymentBrief) -> Option<String> {
    payment.mentor.as_deref().map(|name| one_line(name, 60)).filter(|name| !name.is_empty())
}

/// What is known of one payment.
pub fn facts(payment: &PaymentBrief, reader: Reader) -> Vec<(&'static str, String)> {
    let label = if reader == Reader::Admin { "Mentor gets" } else { "Amount" };
    let mut facts = vec![(label, amount(payment))];
    facts.extend(booking(payment).map(|id| ("Booking", id)));
    if reader == Reader::Admin {
        facts.push(("Mentor", mentor(payment).unwrap_or_else(|| "nobody named".into())));
    }
    facts.push(("Payment", format!("no. {}", payment.payment_id)));
    facts
}

/// Several payments under each other. The same line is shown once; totals count each payment once.
pub fn table(lines: &[Line<'_>], reader: Reader, zone: Tz) -> Table {
    let mut distinct: Vec<Line<'_>> = Vec::with_capacity(lines.len());
    for line in lines {
        if !distinct.contains(line) {
            distinct.push(*line);
        }
    }
    let shown = Shown::of(&distinct, reader, zone);
    Table {
        columns: shown.columns(),
        rows: distinct.iter().take(ROWS_MAX).map(|line| shown.row(line)).collect(),
        more: distinct.len().saturating_sub(ROWS_MAX),
        totals: totals(lines.iter().map(|line| line.payment)),
    }
}

/// How many different payments there are.
pub fn count<'a>(payments: impl Iterator<Item = &'a PaymentBrief>) -> usize {
    payments.map(|payment| payment.payment_id.0).collect::<BTreeSet<_>>().len()
}

/// The sum for each currency, in the order of their codes. A sum beyond 64 bits is left out rather than shown wrong.
pub fn totals<'a>(payments: impl Iterator<Item = &'a PaymentBrief>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut sums = BTreeMap::new();
    for payment in payments.filter(|payment| seen.insert(payment.payment_id.0)) {
        let sum = sums.entry(payment.currency).or_insert(Some(MinorUnits::ZERO));
        *sum = sum.and_then(|sum| sum.checked_add(payment.amount_minor));
    }
    sums.into_iter().filter_map(|(currency, sum)| Some(currency.display(sum?))).collect()
}

/// The totals for a subject line; `None` where they are too many for one.
pub fn totals_in_words<'a>(payments: impl Iterator<Item = &'a PaymentBrief>) -> Option<String> {
    let totals = totals(payments);
    (1..=3).contains(&totals.len()).then(|| and_list(&totals))
}

/// Which columns have something to show. Free text comes last, where it disturbs no alignment.
struct Shown {
    booking: bool,
    at: bool,
    mentor: bool,
    zone: Tz,
}

impl Shown {
    fn of(lines: &[Line<'_>], reader: Reader, zone: Tz) -> Self {
        Self {
            booking: lines.iter().any(|line| line.payment.booking_id.is_some()),
            at: lines.iter().any(|line| line.at.is_some()),
            mentor: reader == Reader::Admin,
            zone,
        }
    }

    fn columns(&self) -> Vec<Column> {
        let column = |title: &str, right| Column { title: title.to_owned(), right };
        let mut columns = vec![column("Payment", true), column("Amount", true)];
        columns.extend(self.at.then(|| column(&format!("When ({})", self.zone.name()), false)));
        columns.extend(self.booking.then(|| column("Booking", false)));
        columns.extend(self.mentor.then(|| column("Mentor", false)));
        columns
    }

    fn row(&self, line: &Line<'_>) -> Row {
        let payment = line.payment;
        let text = |value: Option<String>| value.map_or("-".into(), |value| clip(&value, CELL_MAX));
        let mut cells = vec![payment.payment_id.to_string(), amount(payment)];
        let when = |at: DateTime<Utc>| at.with_timezone(&self.zone).format("%Y-%m-%d %H:%M").to_string();
        cells.extend(self.at.then(|| line.at.map_or("-".into(), when)));
        cells.extend(self.booking.then(|| text(booking(payment))));
        cells.extend(self.mentor.then(|| text(mentor(payment))));
        Row { cells, note: line.note.map(|note| one_line(note, 300)) }
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::ids::PaymentId;
    use crate::domain::money::Currency;

    use super::*;

    fn payment(id: i64, minor: i64, code: &str) -> PaymentBrief {
        PaymentBrief {
            payment_id: PaymentId(id),
            booking_id: None,
            mentor: None,
            amount_minor: MinorUnits::new(minor).unwrap(),
            currency: Currency::parse(code).unwrap(),
        }
    }

    #[test]
    fn totals_count_each_payment_once_and_never_mix_currencies() {
        let payments = [
            payment(1, 9_000, "usd"),
            payment(2, 1_000, "jpy"),
            payment(1, 9_000, "usd"),
            payment(3, 50, "usd"),
            payment(4, 1_234, "kwd"),
        ];
        assert_eq!(totals(payments.iter()), ["1,000 JPY", "1.234 KWD", "90.50 USD"]);
        assert_eq!(count(payments.iter()), 4);
        assert_eq!(totals_in_words(payments.iter()).as_deref(), Some("1,000 JPY, 1.234 KWD and 90.50 USD"));
    }

    #[test]
    fn a_sum_beyond_64_bits_is_left_out() {
        let payments = [payment(1, i64::MAX, "usd"), payment(2, 1, "usd"), payment(3, 5, "eur")];
        assert_eq!(totals(payments.iter()), ["0.05 EUR"]);
    }

    #[test]
    fn after_fifty_rows_the_rest_is_counted_and_still_summed() {
        let payments: Vec<_> = (1..=62).map(|id| payment(id, 100, "eur")).collect();
        let lines: Vec<_> = payments.iter().map(|payment| Line { payment, at: None, note: None }).collect();
        let table = table(&[lines.as_slice(), lines.as_slice()].concat(), Reader::Mentor, Tz::UTC);
        assert_eq!((table.rows.len(), table.more), (50, 12));
        assert_eq!(table.totals, ["62.00 EUR"]);
    }
}
