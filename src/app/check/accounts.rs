//! The connected accounts of a few mentors, as Stripe has them now.

use futures_util::future::join_all;

use super::{Finding, in_time};
use crate::domain::facts::AccountFact;
use crate::domain::ids::{AccountId, MentorId};
use crate::domain::mentor::Capability;
use crate::domain::triage::Failure;
use crate::ports::{Store, StripeGateway};
use crate::store::Database;
use crate::stripe::Client;

const NAME: &str = "accounts";
/// How many are read: enough to see whether the platform and its accounts belong together.
const SAMPLE: usize = 5;
/// Among so many mentors they are looked for.
const AMONG: i64 = 200;

pub(super) async fn look(database: Option<&Database>, stripe: Option<&Client>) -> Vec<Finding> {
    let (Some(database), Some(stripe)) = (database, stripe) else {
        return vec![Finding::skipped(NAME, "needs a database that is up to date, and Stripe")];
    };
    let mentors = match in_time(database.mentors(None, AMONG)).await {
        Ok(Ok(mentors)) => mentors,
        Ok(Err(error)) => return vec![Finding::failed(NAME, error.to_string())],
        Err(silence) => return vec![Finding::failed(NAME, format!("the mentors cannot be read: {silence}"))],
    };
    let with_account = mentors.into_iter().filter_map(|(mentor, _, _)| Some((mentor.id, mentor.account_id?)));
    let sample: Vec<_> = with_account.take(SAMPLE).collect();
    if sample.is_empty() {
        return vec![Finding::ok(NAME, "no mentor has a connected account yet (payoutd mentor add)")];
    }
    join_all(sample.iter().map(|(mentor, account)| one(stripe, mentor, account))).await
}

async fn one(stripe: &Client, mentor: &MentorId, account: &AccountId) -> Finding {
    let who = format!("{account} of mentor {mentor}");
    match in_time(stripe.account(account)).await.map(|called| called.result) {
        Ok(Ok(told)) => standing(&who, &told),
        Ok(Err(failure)) => unread(&who, &failure),
        Err(silence) => Finding::fail(NAME, format!("{who}: {silence}"), "try again"),
    }
}

fn standing(who: &str, told: &AccountFact) -> Finding {
    let why = told.details.as_ref().and_then(|details| details.disabled_reason.as_deref());
    let why = why.map_or(String::new(), |why| format!(" ({why})"));
    match told.transfers {
        Capability::Active => Finding::ok(NAME, format!("{who}: transfers are active")),
        Capability::Pending => Finding::warn(
            NAME,
            format!("{who}: transfers are pending{why}"),
            "their payments are held until Stripe has checked the account",
        ),
        Capability::Inactive => Finding::warn(
            NAME,
            format!("{who}: transfers are not active{why}"),
            "their payments are held: the mentor has to settle this with Stripe",
        ),
    }
}

/// 403 and 404 are about this account: it is another platform's, or of the other mode.
fn unread(who: &str, failure: &Failure) -> Finding {
    match failure.status() {
        Some(403 | 404) => Finding::warn(
            NAME,
            format!("{who}: Stripe does not show it to this platform"),
            "check the id (payoutd mentor add), that the account is connected, and that the key's mode is the account's",
        ),
        _ => Finding::fail(NAME, format!("{who} cannot be read: {}", failure.message()), "try again"),
    }
}
