//! What goes into the state machine and what comes out of it: requests, answers, and what to do with an answer.
//! Nothing here touches a socket.

/// The HTTP methods that Stripe's API knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Creates and updates.
    Post,
    /// Any other method: refused.
    Other,
}

impl Method {
    /// The method of an HTTP request line.
    pub fn from_name(name: &str) -> Self {
        match name {
            "GET" => Self::Get,
            "POST" => Self::Post,
            _ => Self::Other,
        }
    }

    /// As it is written in HTTP.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Other => "OTHER",
        }
    }
}

/// One API request, with the headers that Stripe acts on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// GET or POST.
    pub method: Method,
    /// The path, `/v1/…`.
    pub path: String,
    /// The query string, without the question mark.
    pub query: String,
    /// The form-encoded body.
    pub body: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The `Idempotency-Key` header.
    pub idempotency_key: Option<String>,
    /// The `Stripe-Account` header: act as this connected account.
    pub stripe_account: Option<String>,
}

impl Request {
    /// A GET with this secret key.
    pub fn get(secret_key: &str, path: &str, query: &str) -> Self {
        Self::new(Method::Get, secret_key, path, query, "")
    }

    /// A POST of a form with this secret key.
    pub fn post(secret_key: &str, path: &str, body: &str) -> Self {
        Self::new(Method::Post, secret_key, path, "", body)
    }

    /// The same request under an idempotency key.
    #[must_use]
    pub fn with_key(mut self, key: &str) -> Self {
        self.idempotency_key = Some(key.to_owned());
        self
    }

    fn new(method: Method, secret_key: &str, path: &str, query: &str, body: &str) -> Self {
        Self {
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            body: body.to_owned(),
            authorization: Some(format!("Bearer {secret_key}")),
            idempotency_key: None,
            stripe_account: None,
        }
    }
}

/// One API answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers that Stripe adds, `Request-Id` among them.
    pub headers: Vec<(&'static str, String)>,
    /// The body: JSON, except where a fault made garbage of it.
    pub body: String,
}

impl Answer {
    /// The value of a header, by its name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(held, _)| held.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null where it is not JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// How long something is held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// This many milliseconds.
    Ms(u64),
    /// Until the client gives up and closes the connection.
    UntilClientLeaves,
}

/// A request that is under way: to be handed to [`Core::resume`](super::Core::resume) or
/// [`Core::abandon`](super::Core::abandon).
#[derive(Debug, PartialEq, Eq)]
pub struct Ticket(pub(super) u64);

/// What is to be done for a request. The state machine says it; the server (or a simulation) does it.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Send this answer now.
    Answer(Answer),
    /// The effect happened; send the answer when the hold is over.
    HoldBack {
        /// What is sent in the end, if the client still listens.
        answer: Answer,
        /// When that is.
        hold: Hold,
    },
    /// Nothing happened yet, and the idempotency key is in use: hold, then resume.
    Wait {
        /// The request under way.
        ticket: Ticket,
        /// When it goes on.
        hold: Hold,
    },
    /// Close the connection without a byte of an answer.
    Reset,
}
