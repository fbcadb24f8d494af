//! What decides who is paid how much and when: `[fees]`, `[window]`, `[release]`, `[minimums]` and
//! the names to look for in Stripe's metadata.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono_tz::Tz;

use super::checker::Checker;
use super::duration::show_duration;
use super::reader::Reader;
use super::value::{FromRaw, Raw, words};
use crate::domain::policy::{OtherSettlement, SmallAmounts};
use crate::domain::sweep::Preflight;
use crate::domain::timetable::Timetable;

const HOUR: Duration = Duration::from_secs(3_600);
const MINUTE: Duration = Duration::from_secs(60);
/// How long Stripe lets most platforms hold funds.
/// <https://docs.stripe.com/connect/account-balances>
const LONGEST_WINDOW: Duration = Duration::from_secs(90 * 24 * 3_600);

/// Two years, in the United States.
const LONGEST_LIMIT: Duration = Duration::from_secs(731 * 24 * 3_600);

/// What the platform keeps.
#[derive(Debug, Clone)]
pub struct Fees {
    /// Hundredths of a percent: 1000 is 10 %.
    pub platform_fee_bps: u16,
}

impl Fees {
    pub(super) fn read(r: &mut Reader) -> Self {
        let BasisPoints(platform_fee_bps) = r.take("fees.platform_fee_bps", BasisPoints(1_000));
        Fees { platform_fee_bps }
    }
}

/// A part of a whole, so never more than all of it.
struct BasisPoints(u16);

impl FromRaw for BasisPoints {
    fn from_raw(raw: &Raw) -> Result<Self, String> {
        let form = "write basis points from 0 to 10000 (1000 is 10 %)";
        match i128::from_raw(raw)? {
            n if n > 10_000 => Err(format!("is a fee above 100 %: {form}")),
            n => u16::try_from(n).map(BasisPoints).map_err(|_| format!("is a negative fee: {form}")),
        }
    }

    fn shown(&self) -> String {
        self.0.to_string()
    }
}

/// How long a charge is held.
#[derive(Debug, Clone)]
pub struct Window {
    /// From the charge to the moment its mentor may be paid.
    pub dispute_window: Duration,
}

impl Window {
    pub(super) fn read(r: &mut Reader) -> Self {
        Window { dispute_window: r.take("window.dispute_window", 72 * HOUR) }
    }

    pub(super) fn check(&self, c: &mut Checker<'_>) {
        let (key, window) = ("window.dispute_window", self.dispute_window);
        c.positive(key, window);
        let why = "Stripe does not let a platform hold funds longer in most countries";
        c.at_most(key, window, LONGEST_WINDOW, why);
    }
}

/// When and how due payments are released.
#[derive(Debug, Clone)]
pub struct Release {
    /// Six-field cron expression.
    pub schedule: String,
    /// Where its hours are read.
    pub time_zone: Tz,
    /// Payments claimed in one transaction.
    pub batch_size: u32,
    /// How it is made sure, right before a transfer, that nothing happened of which no webhook told.
    pub preflight: Preflight,
    /// How long after it began a sweep may be gone by.
    pub sweep_max_age: Duration,
    /// How far a sweep goes back before the end of the last one.
    pub sweep_overlap: Duration,
    /// Until a payment whose preflight could not be read is looked at again.
    pub preflight_retry: Duration,
    /// Until a transfer that the balance did not cover is tried again.
    pub funds_retry: Duration,
    /// Whether a payment is due only once its session is over.
    pub require_completion: bool,
    /// What to do with a charge that settled in another currency.
    pub settlement_currency: OtherSettlement,
    /// What to do with a part below the currency's minimum.
    pub small_amounts: SmallAmounts,
    /// How long Stripe lets the platform hold funds.
    pub platform_limit: Duration,
    /// How long before its end an admin is warned.
    pub limit_warn_before: Duration,
}

words!(SmallAmounts { "hold" => SmallAmounts::Hold, "carry" => SmallAmounts::Carry });
words!(Preflight { "charge" => Preflight::Charge, "sweep" => Preflight::Sweep });
words!(OtherSettlement { "hold" => OtherSettlement::Hold, "convert" => OtherSettlement::Convert });

impl Release {
    pub(super) fn read(r: &mut Reader) -> Self {
        Release {
            schedule: r.take("release.schedule", "0 * * * * *".to_owned()),
            time_zone: r.take("release.time_zone", Tz::UTC),
            batch_size: r.number("release.batch_size", 100, 1..=1_000),
            preflight: r.take("release.preflight", Preflight::Charge),
            sweep_max_age: r.take("release.sweep_max_age", MINUTE),
            sweep_overlap: r.take("release.sweep_overlap", 10 * MINUTE),
            preflight_retry: r.take("release.preflight_retry", 5 * MINUTE),
            funds_retry: r.take("release.funds_retry", HOUR),
            require_completion: r.take("release.require_completion", false),
            settlement_currency: r.take("release.settlement_currency", OtherSettlement::Hold),
            small_amounts: r.take("release.small_amounts", SmallAmounts::Hold),
            platform_limit: r.take("release.platform_limit", LONGEST_WINDOW),
            limit_warn_before: r.take("release.limit_warn_before", 15 * 24 * HOUR),
        }
    }

    pub(super) fn check(&self, c: &mut Checker<'_>) {
        let timetable = Timetable::new(&self.schedule, self.time_zone);
        c.accept(timetable.map(drop).map_err(|why| why.to_string()), "release.schedule");
        c.positive("release.preflight_retry", self.preflight_retry);
        c.positive("release.sweep_max_age", self.sweep_max_age);
        let why = "what happens at Stripe after a sweep is not seen by it";
        c.at_most("release.sweep_max_age", self.sweep_max_age, 15 * MINUTE, why);
        c.positive("release.sweep_overlap", self.sweep_overlap);
        c.at_most("release.sweep_overlap", self.sweep_overlap, 24 * HOUR, "each sweep lists that much again");
        c.positive("release.funds_retry", self.funds_retry);
        let (limit, before) = (self.platform_limit, self.limit_warn_before);
        c.positive("release.platform_limit", limit);
        c.at_most("release.platform_limit", limit, LONGEST_LIMIT, "no country lets a platform hold funds longer");
        c.positive("release.limit_warn_before", before);
        c.require(before < limit, "release.limit_warn_before", || {
            format!("is not within release.platform_limit {}", show_duration(limit))
        });
    }
}

/// Names to look for in the metadata of charges, sessions and payment intents; the first that is
/// there wins.
#[derive(Debug, Clone)]
pub struct Metadata {
    /// The platform's id of the mentor.
    pub mentor_id: Vec<String>,
    /// The platform's id of the session.
    pub booking_id: Vec<String>,
    /// A fee that wins over the percentage, in minor units.
    pub platform_fee: Vec<String>,
    /// The mentor's share that goes with it, in minor units.
    pub mentor_amount: Vec<String>,
    /// When the session begins: RFC 3339, or seconds since 1970.
    pub session_starts_at: Vec<String>,
    /// When it is to end.
    pub session_ends_at: Vec<String>,
}

impl Metadata {
    pub(super) fn read(r: &mut Reader) -> Self {
        let mut take = |key: &str, names: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            r.take(&format!("metadata.{key}"), names)
        };
        Metadata {
            mentor_id: take(
                "mentor_id",
                &["mentorUserId", "mentorId", "mentor_id", "expertId", "expert_id", "builderId", "builder_id"],
            ),
            booking_id: take("booking_id", &["bookingId", "booking_id", "sessionId", "session_id"]),
            platform_fee: take("platform_fee", &["platformFee", "platform_fee"]),
            mentor_amount: take("mentor_amount", &["mentorAmount", "mentor_amount"]),
            session_starts_at: take(
                "session_starts_at",
                &["sessionStartsAt", "session_starts_at", "startsAt", "starts_at", "startTime", "start_time"],
            ),
            session_ends_at: take(
                "session_ends_at",
                &["sessionEndsAt", "session_ends_at", "endsAt", "ends_at", "endTime", "end_time"],
            ),
        }
    }

    pub(super) fn check(&self, c: &mut Checker<'_>) {
        for (key, names) in [
            ("metadata.mentor_id", &self.mentor_id),
            ("metadata.booking_id", &self.booking_id),
            ("metadata.platform_fee", &self.platform_fee),
            ("metadata.mentor_amount", &self.mentor_amount),
            ("metadata.session_starts_at", &self.session_starts_at),
            ("metadata.session_ends_at", &self.session_ends_at),
        ] {
            names.iter().for_each(|name| c.accept(metadata_name(name), key));
        }
        c.require(!self.mentor_id.is_empty(), "metadata.mentor_id", || {
            "is an empty list: without a name to look for, no charge has a mentor".to_owned()
        });
    }
}

/// Stripe's limits: <https://docs.stripe.com/metadata>.
fn metadata_name(name: &str) -> Result<(), String> {
    if name.is_empty() || name.chars().count() > 40 || name.contains(['[', ']']) {
        return Err(format!(
            "\"{}\" cannot be a name in Stripe's metadata: 1 to 40 characters, no brackets",
            name.escape_debug()
        ));
    }
    Ok(())
}

/// Below these a payment waits for a person, in minor units by lower-case currency.
pub(super) fn read_minimums(r: &mut Reader) -> BTreeMap<String, i64> {
    r.take_open("minimums")
}

pub(super) fn check_minimums(minimums: &BTreeMap<String, i64>, c: &mut Checker<'_>) {
    check_amounts("minimums", minimums, c);
}

/// Amounts by currency.
pub(super) fn check_amounts(section: &str, amounts: &BTreeMap<String, i64>, c: &mut Checker<'_>) {
    for (currency, amount_minor) in amounts {
        let key = format!("{section}.{currency}");
        let code = currency.len() == 3 && currency.bytes().all(|b| b.is_ascii_lowercase());
        c.require(code, &key, || "is not a currency: write its three letters in lower case, such as usd".to_owned());
        c.require(*amount_minor > 0, &key, || {
            format!("{amount_minor} is no amount: write minor units above 0 (50 is 0.50 USD)")
        });
    }
}
