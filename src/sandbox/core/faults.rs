//! The fault plan: which requests go wrong, how, and how often. Rules are data, so that tests, the demo and other
//! processes can write them; the plan counts what fired.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::params::Params;
use super::wire::{Hold, Request};

/// Which requests a rule applies to. What is not said matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FaultMatch {
    /// `GET` or `POST`.
    pub method: Option<String>,
    /// The start of the path: `/v1/transfers`.
    pub path_prefix: Option<String>,
    /// A part of the form body or query, as it is on the wire.
    pub body_contains: Option<String>,
    /// The `transfer_group` parameter.
    pub transfer_group: Option<String>,
    /// The `destination` parameter.
    pub destination: Option<String>,
    /// Metadata that the request must carry.
    pub metadata: BTreeMap<String, String>,
}

impl FaultMatch {
    /// Every `POST /v1/transfers` (reversals are under that path too).
    pub fn transfers() -> Self {
        Self { method: Some("POST".into()), path_prefix: Some("/v1/transfers".into()), ..Self::default() }
    }

    /// Every `POST /v1/transfers` of one group.
    pub fn transfer_group(group: &str) -> Self {
        Self { transfer_group: Some(group.into()), ..Self::transfers() }
    }

    /// Every `POST /v1/transfers` to one account.
    pub fn destination(account: &str) -> Self {
        Self { destination: Some(account.into()), ..Self::transfers() }
    }

    /// Every GET below a path.
    pub fn reads(path_prefix: &str) -> Self {
        Self { method: Some("GET".into()), path_prefix: Some(path_prefix.into()), ..Self::default() }
    }

    fn takes(&self, request: &Request) -> bool {
        let form = if request.body.is_empty() { &request.query } else { &request.body };
        let params = Params::parse(form);
        let sent = params.map("metadata");
        let equal = |name: &str, wanted: &Option<String>| {
            wanted.as_deref().is_none_or(|wanted| params.raw(name) == Some(wanted))
        };
        self.method.as_deref().is_none_or(|method| method == request.method.name())
            && self.path_prefix.as_deref().is_none_or(|prefix| request.path.starts_with(prefix))
            && self.body_contains.as_deref().is_none_or(|part| form.contains(part))
            && equal("transfer_group", &self.transfer_group)
            && equal("destination", &self.destination)
            && self.metadata.iter().all(|(key, value)| sent.get(key) == Some(value))
    }
}

/// When in the life of a request a 5xx arises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerErrorPoint {
    /// Before execution: nothing is done and no key is used. A retry executes.
    BeforeExecution,
    /// In execution, with nothing done: the key replays the error.
    NothingDone,
    /// In execution, with the effect done: the key replays the error.
    EffectDone,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// The request runs this long before its effect; its key is in use meanwhile.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
    /// The connection closes; nothing was done.
    ResetBeforeEffect,
    /// The connection closes; it was done.
    ResetAfterEffect,
    /// No answer; nothing is ever done. The connection closes when the hold is over.
    TimeoutBeforeEffect {
        /// Milliseconds; until the client leaves where not given.
        #[serde(default)]
        hold_ms: Option<u64>,
    },
    /// It was done, and the answer is held back.
    TimeoutAfterEffect {
        /// Milliseconds; until the client leaves where not given.
        #[serde(default)]
        hold_ms: Option<u64>,
    },
    /// A 5xx.
    ServerError {
        /// 500 to 599.
        status: u16,
        /// What it means for the effect and the key.
        at: ServerErrorPoint,
    },
    /// 429 `rate_limit`, before the idempotency layer.
    RateLimited,
    /// 429 `lock_timeout`: another request holds the object; retrying is advised.
    LockTimeout,
    /// It was done, and the 200 carries a body that is not JSON.
    Garbage,
    /// A refusal of your choice, by an endpoint that began to execute.
    Refuse {
        /// The HTTP status.
        status: u16,
        /// Stripe's error code.
        code: String,
        /// What Stripe says.
        message: String,
    },
}

impl Fault {
    /// Whether it replaces execution: then it does not concern a replay.
    fn needs_execution(&self) -> bool {
        matches!(self, Self::ServerError { .. } | Self::Refuse { .. })
    }

    pub(super) fn hold(hold_ms: Option<u64>) -> Hold {
        hold_ms.map_or(Hold::UntilClientLeaves, Hold::Ms)
    }
}

/// A rule of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// Which requests.
    #[serde(default, rename = "match")]
    pub matching: FaultMatch,
    /// How many requests; all of them where not given.
    #[serde(default)]
    pub times: Option<u32>,
    /// What happens to them.
    pub fault: Fault,
}

impl FaultRule {
    /// The next such request.
    pub fn once(matching: FaultMatch, fault: Fault) -> Self {
        Self::times(1, matching, fault)
    }

    /// The next so many such requests.
    pub fn times(times: u32, matching: FaultMatch, fault: Fault) -> Self {
        Self { matching, times: Some(times), fault }
    }

    /// Every such request, until the plan is cleared.
    pub fn always(matching: FaultMatch, fault: Fault) -> Self {
        Self { matching, times: None, fault }
    }
}

/// How often a rule fired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FaultReport {
    /// The rule's number, as given when it was added.
    pub id: u64,
    /// The rule.
    pub rule: FaultRule,
    /// How many requests it applied to so far.
    pub fired: u32,
}

#[derive(Debug, Default)]
pub(super) struct FaultPlan {
    rules: Vec<FaultReport>,
    added: u64,
}

impl FaultPlan {
    pub fn add(&mut self, rule: FaultRule) -> u64 {
        self.added += 1;
        let id = self.added;
        self.rules.push(FaultReport { id, rule, fired: 0 });
        id
    }

    pub fn reports(&self) -> &[FaultReport] {
        &self.rules
    }

    pub fn clear(&mut self) {
        self.rules.clear();
    }

    /// The fault of the first rule that takes this request and is not used up; counts it.
    pub fn take(&mut self, request: &Request, executes: bool) -> Option<Fault> {
        let usable = |held: &&mut FaultReport| {
            held.rule.times.is_none_or(|times| held.fired < times)
                && (executes || !held.rule.fault.needs_execution())
                && held.rule.matching.takes(request)
        };
        let held = self.rules.iter_mut().find(usable)?;
        held.fired += 1;
        Some(held.rule.fault.clone())
    }
}
