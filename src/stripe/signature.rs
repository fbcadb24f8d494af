//! Whether a webhook comes from Stripe: <https://docs.stripe.com/webhooks#verify-manually>. It looks at the bytes as
//! they came and parses no event, so that authentic events of any API version are believed.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::{constant_time, hmac};
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};

use super::SetupError;
use crate::ports::{SignatureCheck, SignatureError};

/// How far a signature's time may be from ours; what Stripe's own libraries allow.
pub const DEFAULT_TOLERANCE: Duration = Duration::from_secs(300);

/// Checks signatures against any of several secrets, so that a secret can be rotated without a gap.
pub struct Signatures {
    keys: Vec<hmac::Key>,
    tolerance_s: i64,
}

impl Signatures {
    /// Takes the secrets as Stripe shows them (`whsec_…`); the whole text is the key. An empty one is refused, since
    /// anybody could sign with it.
    pub fn new(secrets: &[SecretString], tolerance: Duration) -> Result<Self, SetupError> {
        if secrets.is_empty() || secrets.iter().any(|secret| secret.expose_secret().trim().is_empty()) {
            return Err(SetupError::WebhookSecret);
        }
        let key = |secret: &SecretString| hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
        let tolerance_s = i64::try_from(tolerance.as_secs()).unwrap_or(i64::MAX);
        Ok(Self { keys: secrets.iter().map(key).collect(), tolerance_s })
    }

    fn fits(&self, signed: &Signed<'_>, body: &[u8]) -> bool {
        // One HMAC for each secret, however many signatures the header has: it is the sender who fills the header.
        self.keys.iter().any(|key| {
            let mut context = hmac::Context::with_key(key);
            context.update(signed.time_text.as_bytes());
            context.update(b".");
            context.update(body);
            let tag = context.sign();
            signed.v1.iter().any(|given| constant_time::verify_slices_are_equal(given, tag.as_ref()).is_ok())
        })
    }
}

impl SignatureCheck for Signatures {
    fn check(&self, header: Option<&str>, body: &[u8], now: DateTime<Utc>) -> Result<(), SignatureError> {
        let signed = Signed::parse(header.ok_or(SignatureError::Missing)?)?;
        if !self.fits(&signed, body) {
            return Err(SignatureError::NoMatch);
        }
        let tolerance_s = self.tolerance_s;
        let age_s = now.timestamp().saturating_sub(signed.time);
        match age_s {
            _ if age_s > tolerance_s => Err(SignatureError::TooOld { age_s, tolerance_s }),
            _ if age_s < -tolerance_s => Err(SignatureError::InFuture { ahead_s: age_s.saturating_neg(), tolerance_s }),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Signatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signatures({} secrets, tolerance {} s)", self.keys.len(), self.tolerance_s)
    }
}

/// The header, taken apart. Schemes other than `v1` are passed over: `v0` is for tests and proves nothing.
struct Signed<'a> {
    time_text: &'a str,
    time: i64,
    v1: Vec<[u8; 32]>,
}

impl<'a> Signed<'a> {
    fn parse(header: &'a str) -> Result<Self, SignatureError> {
        let mut time_text = None;
        let mut v1 = Vec::new();
        for part in header.split(',') {
            match part.trim().split_once('=') {
                Some(("t", _)) if time_text.is_some() => return Err(SignatureError::Malformed("it has two `t=`")),
                Some(("t", text)) => time_text = Some(text),
                Some(("v1", hex)) => v1.extend(digest(hex)),
                _ => {}
            }
        }
        let time_text = time_text.ok_or(SignatureError::Malformed("it has no `t=`"))?;
        let time = time_text.parse().map_err(|_| SignatureError::Malformed("its `t=` is not a time in seconds"))?;
        if v1.is_empty() {
            return Err(SignatureError::Malformed("it has no `v1=` of 64 hexadecimal digits"));
        }
        Ok(Self { time_text, time, v1 })
    }
}

fn digest(hex: &str) -> Option<[u8; 32]> {
    let digits: &[u8; 64] = hex.as_bytes().try_into().ok()?;
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(bytes)
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
#[path = "signature_tests.rs"]
mod tests;
