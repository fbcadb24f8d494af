//! `payoutd report`: figures by period, for people, programs and spreadsheets.

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;

use super::lists::{Moment, one_of};
use super::show;
use crate::app;
use crate::config::Config;
use crate::domain::money::Currency;
use crate::domain::report::{Period, ReportFigures, by_period};
use crate::ports::{Books, Clock, PendingPayouts, shown};

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// From then on: a day, a time, or how long ago [default: 30d]
    #[arg(long, value_name = "WHEN", value_parser = Moment::parse)]
    since: Option<Moment>,
    /// Until then; a day counts as a whole [default: now]
    #[arg(long, value_name = "WHEN", value_parser = Moment::parse)]
    until: Option<Moment>,
    /// How long a period is, in UTC
    #[arg(long, default_value = "day", value_parser = one_of!(Period))]
    by: Period,
    /// Print CSV, for spreadsheets; amounts in minor units
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    #[command(flatten)]
    output: super::Output,
}

type Line = (String, Currency, ReportFigures);

pub(super) async fn report(config: &Config, args: ReportArgs) -> Result<()> {
    let database = app::existing_database(config).await?;
    let now = app::SystemClock.now();
    let since = args.since.unwrap_or(Moment::Ago(TimeDelta::days(30))).start(now);
    let until = args.until.map_or(now, |until| until.end(now));
    let days = database.report(since, until).await?;
    if args.output.json {
        let pending = database.pending_payouts().await?;
        return show::json(&shown::reported((since, until), args.by, days, &pending));
    }
    let lines = by_period(days.into_iter().map(|day| (day.day, day.currency, day.figures)), args.by);
    if args.csv {
        return csv(&lines);
    }
    let pending = database.pending_payouts().await?;
    print((since, until), &lines, &pending);
    Ok(())
}

/// `99.5 %`, from whole numbers.
fn rate(figures: &ReportFigures) -> String {
    figures.success_bps().map_or("-".to_owned(), |bps| format!("{}.{} %", bps / 100, bps % 100 / 10))
}

fn print((since, until): (DateTime<Utc>, DateTime<Utc>), lines: &[Line], pending: &[PendingPayouts]) {
    outln!("From {} until {}\n", show::time(since), show::time(until));
    let rows = lines.iter().map(|(period, currency, f)| {
        let money = |minor| show::signed(*currency, minor);
        let counted =
            |count: i64, minor| if count == 0 { "-".to_owned() } else { format!("{count}: {}", money(minor)) };
        vec![
            period.clone(),
            counted(f.payments, f.charged_minor),
            money(f.revenue_minor),
            counted(f.transfers, f.transferred_minor),
            rate(f),
            counted(f.refunds, f.refunded_minor),
            counted(f.disputes, f.disputed_minor),
        ]
    });
    match lines {
        [] => outln!("Nothing happened."),
        _ => {
            let header = ["period", "payments", "revenue", "transfers", "success", "refunds", "disputes"];
            outln!("{}", show::table(&header, &[1, 2, 3, 4, 5, 6], rows));
        }
    }
    outln!("\nTo be paid to mentors, now or later");
    if pending.is_empty() {
        outln!("  nothing");
    }
    for sum in pending {
        let payments = if sum.payments == 1 { "payment" } else { "payments" };
        outln!("  {} for {} {payments}", show::signed(sum.currency, sum.amount_minor), sum.payments);
    }
}

/// As RFC 4180 has it. Periods and currencies hold nothing that would need quotes; that they have them is for programs
/// that would take `2026-11` for a date.
fn csv(lines: &[Line]) -> Result<()> {
    outln!(
        "period,currency,payments,charged_minor,revenue_minor,transfers,transferred_minor,transfers_failed,\
         success_rate_bps,refunds,refunded_minor,disputes,disputed_minor\r"
    );
    for (period, currency, f) in lines {
        let success = f.success_bps().map_or(String::new(), |bps| bps.to_string());
        let numbers =
            [f.payments, f.charged_minor, f.revenue_minor, f.transfers, f.transferred_minor, f.transfers_failed];
        let after = [f.refunds, f.refunded_minor, f.disputes, f.disputed_minor];
        let joined = |numbers: &[i64]| numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let (period, currency) = (quoted(period), quoted(currency.code()));
        outln!("{period},{currency},{},{success},{}\r", joined(&numbers), joined(&after));
    }
    Ok(())
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_as_people_and_spreadsheets_read_them() {
        let usd = Currency::parse("usd").unwrap();
        assert_eq!(show::signed(usd, -1_050), "-10.50 USD");
        assert_eq!(show::signed(usd, 1_050), "10.50 USD");
        let ended =
            |transfers, transfers_failed| ReportFigures { transfers, transfers_failed, ..ReportFigures::default() };
        assert_eq!(rate(&ended(199, 1)), "99.5 %");
        assert_eq!(rate(&ended(0, 0)), "-");
        assert_eq!(quoted("a \"b\", c"), "\"a \"\"b\"\", c\"");
    }
}
