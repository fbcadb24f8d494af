//! The life of one request: who asks, may it run, what goes wrong, and what is remembered of it.

use super::Core;
use super::auth;
use super::error::{Kept, StripeError};
use super::events::Cause;
use super::faults::{Fault, ServerErrorPoint};
use super::idempotency::Lookup;
use super::wire::{Answer, Hold, Method, Outcome, Request, Ticket};

/// A request that was let in and has not run yet.
#[derive(Debug)]
pub(super) struct Waiting {
    request_id: String,
    request: Request,
    then: Then,
}

#[derive(Debug, Clone, Copy)]
enum Then {
    Execute,
    GiveUp,
}

impl Core {
    /// Serves one request at this moment, in unix seconds.
    pub fn request(&mut self, now: i64, request: Request) -> Outcome {
        self.advance(now);
        let request_id = self.ids.short("req_");
        match self.admit(&request) {
            Err(error) => Outcome::Answer(self.refusal(&request_id, &request, &error)),
            Ok(()) => self.serve(request_id, request),
        }
    }

    /// Goes on with a request whose hold is over.
    pub fn resume(&mut self, now: i64, ticket: Ticket) -> Outcome {
        self.advance(now);
        let Some(waiting) = self.take_waiting(&ticket) else {
            return Outcome::Reset;
        };
        match waiting.then {
            Then::GiveUp => Outcome::Reset,
            Then::Execute => self.execute(waiting.request_id, waiting.request, None),
        }
    }

    /// Drops a request that was under way: nothing of it happens.
    pub fn abandon(&mut self, ticket: Ticket) {
        self.take_waiting(&ticket);
    }

    fn take_waiting(&mut self, ticket: &Ticket) -> Option<Waiting> {
        let waiting = self.waiting.remove(&ticket.0)?;
        self.keys.finish(&waiting.request);
        Some(waiting)
    }

    /// What Stripe checks before it looks at the idempotency key.
    fn admit(&mut self, request: &Request) -> Result<(), StripeError> {
        auth::check(request.authorization.as_deref(), &self.settings.secret_key)?;
        if self.rate.admit(self.now, self.settings.requests_per_second) {
            return Ok(());
        }
        Err(rate_limited())
    }

    fn serve(&mut self, request_id: String, request: Request) -> Outcome {
        let lookup = self.keys.look_up(&request);
        if let Lookup::Refused(error) = lookup {
            return self.refuse(&request_id, &request, &error);
        }
        let executes = matches!(lookup, Lookup::Fresh);
        let fault = self.faults.take(&request, executes);
        match fault {
            Some(Fault::RateLimited) => return self.refuse(&request_id, &request, &rate_limited()),
            Some(Fault::LockTimeout) => return self.refuse(&request_id, &request, &lock_timeout()),
            Some(Fault::ResetBeforeEffect) => return Outcome::Reset,
            _ => {}
        }
        match lookup {
            Lookup::Replay(first, original) => {
                let answer = replayed(first, &request_id, original);
                disturb(answer, fault)
            }
            _ => self.start(request_id, request, fault),
        }
    }

    fn start(&mut self, request_id: String, request: Request, fault: Option<Fault>) -> Outcome {
        let (hold, then) = match fault {
            Some(Fault::Delay { ms }) => (Hold::Ms(ms), Then::Execute),
            Some(Fault::TimeoutBeforeEffect { hold_ms }) => (Fault::hold(hold_ms), Then::GiveUp),
            other => return self.execute(request_id, request, other),
        };
        self.keys.start(&request);
        self.tickets += 1;
        let waiting = Waiting { request_id, request, then };
        self.waiting.insert(self.tickets, waiting);
        let ticket = Ticket(self.tickets);
        Outcome::Wait { ticket, hold }
    }

    fn execute(&mut self, request_id: String, request: Request, fault: Option<Fault>) -> Outcome {
        self.cause = Cause { request_id: Some(request_id.clone()), idempotency_key: request.idempotency_key.clone() };
        let result = match &fault {
            Some(Fault::ServerError { status, at }) => {
                if *at == ServerErrorPoint::EffectDone {
                    // The effect stays; what it answered is lost in the crash that the fault plays.
                    let _lost = self.route(&request);
                }
                Err(server_error(*status, *at))
            }
            Some(Fault::Refuse { status, code, message }) => Err(StripeError::refused(*status, Some(code), message)),
            _ => self.route(&request),
        };
        let answer = match &result {
            Ok(object) => self.success(&request_id, &request, object.to_string()),
            Err(error) => self.refusal(&request_id, &request, error),
        };
        if result.is_ok() || result.is_err_and(|error| error.kept == Kept::Stored) {
            self.keys.keep(self.now, &request, &request_id, &answer);
        }
        disturb(answer, fault)
    }

    fn refuse(&mut self, request_id: &str, request: &Request, error: &StripeError) -> Outcome {
        Outcome::Answer(self.refusal(request_id, request, error))
    }

    fn success(&self, request_id: &str, request: &Request, body: String) -> Answer {
        let mut headers = self.headers(request_id, request);
        if request.method == Method::Post {
            headers.push(("Stripe-Should-Retry", "false".into()));
        }
        let status = 200;
        Answer { status, headers, body }
    }

    fn refusal(&self, request_id: &str, request: &Request, error: &StripeError) -> Answer {
        let mut headers = self.headers(request_id, request);
        let should_retry = error.should_retry.filter(|_| request.method == Method::Post);
        headers.extend(should_retry.map(|retry| ("Stripe-Should-Retry", retry.to_string())));
        headers.extend(error.rate_limited_reason.map(|why| ("Stripe-Rate-Limited-Reason", why.to_owned())));
        let status = error.status;
        let body = error.body().to_string();
        Answer { status, headers, body }
    }

    fn headers(&self, request_id: &str, request: &Request) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("Content-Type", "application/json".to_owned()),
            ("Request-Id", request_id.to_owned()),
            ("Stripe-Version", self.settings.api_version.clone()),
        ];
        if let Some(key) = request.idempotency_key.as_ref().filter(|_| request.method == Method::Post) {
            headers.push(("Idempotency-Key", key.clone()));
            headers.push(("Original-Request", request_id.to_owned()));
        }
        headers
    }
}

/// What a fault does to an answer whose effect has happened.
fn disturb(answer: Answer, fault: Option<Fault>) -> Outcome {
    match fault {
        Some(Fault::ResetAfterEffect) => Outcome::Reset,
        Some(Fault::TimeoutAfterEffect { hold_ms } | Fault::TimeoutBeforeEffect { hold_ms }) => {
            let hold = Fault::hold(hold_ms);
            Outcome::HoldBack { answer, hold }
        }
        Some(Fault::Delay { ms }) => Outcome::HoldBack { answer, hold: Hold::Ms(ms) },
        Some(Fault::Garbage) => Outcome::Answer(Answer { body: "<html><body>upstream connect error".into(), ..answer }),
        _ => Outcome::Answer(answer),
    }
}

fn replayed(first: Answer, request_id: &str, original: String) -> Answer {
    let mut answer = first;
    for (name, value) in &mut answer.headers {
        match *name {
            "Request-Id" => request_id.clone_into(value),
            "Original-Request" => original.clone_into(value),
            _ => {}
        }
    }
    answer.headers.push(("Idempotent-Replayed", "true".into()));
    answer
}

fn rate_limited() -> StripeError {
    let text = "Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits.";
    StripeError {
        rate_limited_reason: Some("global-rate"),
        ..StripeError::before_execution(429, Some("rate_limit"), text)
    }
}

fn lock_timeout() -> StripeError {
    let text = "This object cannot be accessed right now because another API request or Stripe process is currently \
                accessing it. If you see this error intermittently, retry the request.";
    StripeError { should_retry: Some(true), ..StripeError::before_execution(429, Some("lock_timeout"), text) }
}

fn server_error(status: u16, at: ServerErrorPoint) -> StripeError {
    let kept = if at == ServerErrorPoint::BeforeExecution { Kept::Forgotten } else { Kept::Stored };
    StripeError {
        kind: "api_error",
        kept,
        should_retry: None,
        ..StripeError::refused(status, None, "An unknown error occurred")
    }
}
