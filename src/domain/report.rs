//! Periods of a report: days put together to weeks and months. Weeks are those of ISO 8601, which begin on Mondays.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use serde::Serialize;

use super::money::Currency;
use super::payment::words;

words!(
    /// How long a period is.
    Period {
        /// `2026-11-21`
        Day = "day",
        /// `2026-W47`
        Week = "week",
        /// `2026-11`
        Month = "month",
    }
);

impl Period {
    /// The name of the period that a day is in. Names sort as the periods do.
    pub fn of(self, day: NaiveDate) -> String {
        match self {
            Self::Day => day.to_string(),
            Self::Week => format!("{:04}-W{:02}", day.iso_week().year(), day.iso_week().week()),
            Self::Month => format!("{:04}-{:02}", day.year(), day.month()),
        }
    }
}

/// What happened. Amounts are minor units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ReportFigures {
    /// Payments that customers made.
    pub payments: i64,
    /// How much that was.
    pub charged_minor: i64,
    /// The platform's part of those payments, after their refunds and lost disputes.
    pub revenue_minor: i64,
    /// Transfers to mentors that were made.
    pub transfers: i64,
    /// How much that was.
    pub transferred_minor: i64,
    /// Transfers that Stripe refused, or that were not made after all.
    pub transfers_failed: i64,
    /// Refunds to customers.
    pub refunds: i64,
    /// How much that was.
    pub refunded_minor: i64,
    /// Disputes, by when they were last told of.
    pub disputes: i64,
    /// How much that was.
    pub disputed_minor: i64,
}

impl ReportFigures {
    /// How many in ten thousand of the transfers that ended were made; nothing where none ended.
    pub fn success_bps(&self) -> Option<i64> {
        let ended = self.transfers.checked_add(self.transfers_failed).filter(|ended| *ended > 0)?;
        self.transfers.checked_mul(10_000).map(|of| of / ended)
    }

    fn add(&mut self, more: &Self) {
        for (sum, more) in [
            (&mut self.payments, more.payments),
            (&mut self.charged_minor, more.charged_minor),
            (&mut self.revenue_minor, more.revenue_minor),
            (&mut self.transfers, more.transfers),
            (&mut self.transferred_minor, more.transferred_minor),
            (&mut self.transfers_failed, more.transfers_failed),
            (&mut self.refunds, more.refunds),
            (&mut self.refunded_minor, more.refunded_minor),
            (&mut self.disputes, more.disputes),
            (&mut self.disputed_minor, more.disputed_minor),
        ] {
            *sum = sum.saturating_add(more);
        }
    }
}

/// Days put together to periods, oldest first, and by currency within.
pub fn by_period(
    days: impl IntoIterator<Item = (NaiveDate, Currency, ReportFigures)>,
    period: Period,
) -> Vec<(String, Currency, ReportFigures)> {
    let mut sums: BTreeMap<(String, Currency), ReportFigures> = BTreeMap::new();
    for (day, currency, figures) in days {
        sums.entry((period.of(day), currency)).or_default().add(&figures);
    }
    sums.into_iter().map(|((period, currency), figures)| (period, currency, figures)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn periods_have_names_that_sort() {
        for (date, week, month) in [
            ("2026-11-21", "2026-W47", "2026-11"),
            // The week of a New Year is of the year in which its Thursday is.
            ("2027-01-01", "2026-W53", "2027-01"),
            ("2024-12-30", "2025-W01", "2024-12"),
        ] {
            let name = |period: Period| period.of(day(date));
            assert_eq!(
                (name(Period::Day), name(Period::Week), name(Period::Month)),
                (date.into(), week.into(), month.into())
            );
        }
    }

    #[test]
    fn days_add_up_by_currency() {
        let usd = Currency::parse("usd").unwrap();
        let eur = Currency::parse("eur").unwrap();
        let made =
            |payments| ReportFigures { payments, transfers: payments, transfers_failed: 1, ..ReportFigures::default() };
        let days =
            [(day("2026-11-02"), usd, made(2)), (day("2026-11-30"), usd, made(3)), (day("2026-11-03"), eur, made(5))];
        let months = by_period(days, Period::Month);
        let counted: Vec<_> = months.iter().map(|(name, currency, f)| (name.as_str(), *currency, f.payments)).collect();
        assert_eq!(counted, [("2026-11", eur, 5), ("2026-11", usd, 5)]);
        assert_eq!(months[1].2.success_bps(), Some(7_142));
        assert_eq!(ReportFigures::default().success_bps(), None);
    }
}
