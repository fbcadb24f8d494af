//! Idempotency keys: the first answer is replayed to the same parameters, other parameters are an error,
//! a key whose first request is still running is refused, and keys are forgotten when they are old.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::error::StripeError;
use super::params::Params;
use super::wire::{Answer, Method, Request};

/// One key of one account.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key {
    account: Option<String>,
    pub key: String,
}

impl Key {
    /// The key of a request; only POSTs have one.
    pub fn of(request: &Request) -> Option<Self> {
        let key = request.idempotency_key.clone().filter(|_| request.method == Method::Post)?;
        let account = request.stripe_account.clone();
        Some(Self { account, key })
    }
}

#[derive(Debug)]
struct Kept {
    path: String,
    fingerprint: String,
    request_id: String,
    answer: Answer,
}

/// What is known about the key of a request.
#[derive(Debug)]
pub(super) enum Lookup {
    /// Not used yet, or no key at all.
    Fresh,
    /// The first answer, and the id of the request that got it.
    Replay(Answer, String),
    Refused(StripeError),
}

#[derive(Debug, Default)]
pub(super) struct Keys {
    kept: HashMap<Key, Kept>,
    running: BTreeSet<Key>,
    /// When each kept key was first used, oldest first.
    ages: VecDeque<(i64, Key)>,
}

impl Keys {
    pub fn look_up(&self, request: &Request) -> Lookup {
        let Some(key) = Key::of(request) else {
            return Lookup::Fresh;
        };
        if key.key.len() > 255 {
            let text = "Idempotency keys may be up to 255 characters long.";
            return Lookup::Refused(StripeError::before_execution(400, None, text));
        }
        if self.running.contains(&key) {
            return Lookup::Refused(in_use(&key.key));
        }
        match self.kept.get(&key) {
            None => Lookup::Fresh,
            Some(kept) if kept.path != request.path => Lookup::Refused(other_endpoint(&key.key, request, kept)),
            Some(kept) if kept.fingerprint != Params::parse(&request.body).fingerprint() => {
                Lookup::Refused(other_parameters(&key.key))
            }
            Some(kept) => Lookup::Replay(kept.answer.clone(), kept.request_id.clone()),
        }
    }

    /// As if all were old.
    pub fn forget(&mut self) {
        self.kept.clear();
        self.ages.clear();
    }

    pub fn start(&mut self, request: &Request) {
        self.running.extend(Key::of(request));
    }

    pub fn finish(&mut self, request: &Request) {
        if let Some(key) = Key::of(request) {
            self.running.remove(&key);
        }
    }

    pub fn keep(&mut self, now: i64, request: &Request, request_id: &str, answer: &Answer) {
        let Some(key) = Key::of(request) else {
            return;
        };
        self.ages.push_back((now, key.clone()));
        let kept = Kept {
            path: request.path.clone(),
            fingerprint: Params::parse(&request.body).fingerprint(),
            request_id: request_id.to_owned(),
            answer: answer.clone(),
        };
        self.kept.insert(key, kept);
    }

    /// Forgets the keys that were first used at or before this moment.
    pub fn forget_until(&mut self, at: i64) {
        while let Some((_, key)) = self.ages.pop_front_if(|(used, _)| *used <= at) {
            self.kept.remove(&key);
        }
    }
}

fn in_use(key: &str) -> StripeError {
    let text = format!(
        "There is currently another in-progress request using this Idempotent Key (that probably means you submitted \
         twice, and the other request is still going through): {key}. Please try again later."
    );
    StripeError::before_execution(409, Some("idempotency_key_in_use"), text)
}

fn other_parameters(key: &str) -> StripeError {
    idempotency_error(format!(
        "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using \
         a key other than '{key}' if you meant to execute a different request."
    ))
}

fn other_endpoint(key: &str, request: &Request, kept: &Kept) -> StripeError {
    idempotency_error(format!(
        "Keys for idempotent requests can only be used for the same endpoint they were first used for ('{}' vs \
         '{}'). Try using a key other than '{key}' if you meant to execute a different request.",
        request.path, kept.path
    ))
}

fn idempotency_error(text: String) -> StripeError {
    StripeError {
        kind: "idempotency_error",
        should_retry: Some(false),
        ..StripeError::before_execution(400, None, text)
    }
}
