//! Stripe: whether it takes the key, and whether the key moves real money as the configuration expects.

use std::sync::Arc;

use super::{Finding, LIMIT, Looked, in_time};
use crate::app::SystemClock;
use crate::app::wiring::stripe_settings;
use crate::config::{Config, KeyMode, StripeParts};
use crate::domain::triage::Failure;
use crate::stripe::Client;

const NAME: &str = "stripe";
const MODE: &str = "stripe mode";
const WEBHOOKS: &str = "webhook secret";

pub(super) async fn look(config: &Config) -> Looked<Client> {
    let mut looked = match config.require_stripe() {
        Ok(parts) => ask(parts).await,
        Err(_) => not_asked(Finding::skipped(NAME, "stripe.secret_key is not set")),
    };
    looked.findings.push(webhooks(config));
    looked
}

fn not_asked(finding: Finding) -> Looked<Client> {
    Looked { findings: vec![finding, Finding::skipped(MODE, "needs a key that Stripe takes")], usable: None }
}

async fn ask(parts: StripeParts) -> Looked<Client> {
    let (base, mode) = (parts.api_base.clone(), parts.mode);
    let limited = StripeParts { call_timeout: parts.call_timeout.min(LIMIT), ..parts };
    let client = match Client::new(stripe_settings(limited), Arc::new(SystemClock)) {
        Ok(client) => client,
        Err(error) => return not_asked(Finding::failed(NAME, error.to_string())),
    };
    let answer = in_time(client.livemode()).await.unwrap_or_else(|silence| crate::ports::Called {
        result: Err(Failure::NoAnswer(silence)),
        status: None,
        request_id: None,
        took: LIMIT,
    });
    match answer.result {
        Ok(livemode) => {
            let took = answer.took.as_millis();
            let findings =
                vec![Finding::ok(NAME, format!("{base} takes the key ({took} ms)")), self::mode(livemode, mode)];
            // With a key of the other mode every account would seem to be gone.
            Looked { findings, usable: (livemode == mode.livemode()).then_some(client) }
        }
        Err(failure) if failure.status() == Some(403) => {
            let found = format!("{base} takes the key, which may not read the balance");
            let fix = "let the restricted key read the balance: payoutd asks for it when Stripe was away";
            Looked {
                findings: vec![
                    Finding::warn(NAME, found, fix),
                    Finding::skipped(MODE, "the balance could not be read"),
                ],
                usable: Some(client),
            }
        }
        Err(failure) => not_asked(refused(&base, &failure)),
    }
}

/// Stripe's own words are left out where they are about the key: they quote its end.
fn refused(base: &url::Url, failure: &Failure) -> Finding {
    match failure.status() {
        Some(401) => Finding::fail(
            NAME,
            format!("{base} does not take the key (401)"),
            "set stripe.secret_key (STRIPE_SECRET_KEY) to a key of this account that has not been revoked or rolled",
        ),
        Some(status) => Finding::fail(
            NAME,
            format!("{base} answered {status}: {}", failure.message()),
            "look at https://status.stripe.com, and try again",
        ),
        None => Finding::fail(
            NAME,
            format!("{base} cannot be reached: {}", failure.message()),
            "check stripe.api_base, the network, a firewall or a proxy, and the system's certificates",
        ),
    }
}

fn mode(livemode: bool, expected: KeyMode) -> Finding {
    let word = |live: bool| if live { "live mode: real money" } else { "test mode: no real money" };
    match livemode == expected.livemode() {
        true => Finding::ok(MODE, word(livemode)),
        false => Finding::fail(
            MODE,
            format!("the key says {}, but Stripe answers in {}", word(expected.livemode()), word(livemode)),
            "check stripe.secret_key and stripe.api_base: what answers there is not the Stripe of this key",
        ),
    }
}

/// Their form was checked with the rest of the configuration; whether they are the endpoint's, the first webhook tells.
fn webhooks(config: &Config) -> Finding {
    match config.stripe.webhook_secrets.len() {
        0 => Finding::skipped(WEBHOOKS, "stripe.webhook_secrets is not set"),
        1 => Finding::ok(WEBHOOKS, "1 secret in the form whsec_…"),
        many => Finding::ok(WEBHOOKS, format!("{many} secrets in the form whsec_…")),
    }
}
