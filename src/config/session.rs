//! What hangs on the session's time: `[cancellation]` and `[capture]`.

use std::time::Duration;

use super::checker::Checker;
use super::duration::{parse_duration, show_duration};
use super::reader::Reader;
use super::value::{FromRaw, Raw};

const HOUR: Duration = Duration::from_secs(3_600);
/// The longest that any card network lets an authorisation stand.
/// <https://docs.stripe.com/payments/extended-authorization>
const LONGEST_AUTHORIZATION: Duration = Duration::from_secs(30 * 24 * 3_600);

/// What cancelling gives back.
#[derive(Debug, Clone)]
pub struct Cancellation {
    /// Up to how long before the session how much.
    pub tiers: Vec<Tier>,
}

/// `24h:100%`: so long before the session, so much of what was paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tier {
    /// At least so long before.
    pub before: Duration,
    /// In percent.
    pub percent: u8,
}

impl FromRaw for Tier {
    fn from_raw(raw: &Raw) -> Result<Self, String> {
        let text = String::from_raw(raw)?;
        let form = format!("\"{text}\" is no tier: write a duration and a part, such as \"24h:100%\"");
        let (before, percent) = text.split_once(':').ok_or_else(|| form.clone())?;
        let before = parse_duration(before.trim())?;
        let percent = percent.trim().strip_suffix('%').and_then(|n| n.parse().ok()).ok_or(form)?;
        if percent > 100 {
            Err(format!("\"{text}\" gives back more than was paid"))
        } else {
            Ok(Tier { before, percent })
        }
    }

    fn shown(&self) -> String {
        format!("{}:{}%", show_duration(self.before), self.percent)
    }
}

impl Cancellation {
    pub(super) fn read(r: &mut Reader) -> Self {
        let tiers = vec![Tier { before: 24 * HOUR, percent: 100 }, Tier { before: 4 * HOUR, percent: 50 }];
        Cancellation { tiers: r.take("cancellation.tiers", tiers) }
    }

    pub(super) fn check(&self, c: &mut Checker<'_>) {
        let mut sorted = self.tiers.clone();
        sorted.sort_by_key(|tier| tier.before);
        let twice = sorted.windows(2).any(|pair| pair[0].before == pair[1].before);
        c.require(!twice, "cancellation.tiers", || "has two tiers for the same time".to_owned());
        let falls = sorted.windows(2).any(|pair| pair[0].percent > pair[1].percent);
        c.require(!falls, "cancellation.tiers", || "gives back less to those who cancel earlier".to_owned());
    }
}

/// When what was authorised is captured.
#[derive(Debug, Clone)]
pub struct Capture {
    /// From the end of the session.
    pub delay: Duration,
    /// How long an authorisation holds.
    pub authorization_lifetime: Duration,
    /// How long before its end an admin is warned.
    pub warn_before: Duration,
    /// How long before its end one that must not be captured is let go of.
    pub cancel_before: Duration,
}

impl Capture {
    pub(super) fn read(r: &mut Reader) -> Self {
        Capture {
            delay: r.take("capture.delay", HOUR / 2),
            authorization_lifetime: r.take("capture.authorization_lifetime", 7 * 24 * HOUR),
            warn_before: r.take("capture.warn_before", 24 * HOUR),
            cancel_before: r.take("capture.cancel_before", HOUR),
        }
    }

    pub(super) fn check(&self, c: &mut Checker<'_>) {
        let lifetime = self.authorization_lifetime;
        let why = "no card network lets an authorisation stand longer";
        c.positive("capture.authorization_lifetime", lifetime);
        c.at_most("capture.authorization_lifetime", lifetime, LONGEST_AUTHORIZATION, why);
        for (key, before) in [("capture.warn_before", self.warn_before), ("capture.cancel_before", self.cancel_before)]
        {
            c.positive(key, before);
            c.require(before < lifetime, key, || {
                format!("is not within capture.authorization_lifetime {}", show_duration(lifetime))
            });
        }
    }
}
