//! Every route there is: its path, what it asks for, what may be given, and who answers. The OpenAPI document describes the
//! same ones; `tests/api` holds the two together.

use std::fmt;

use futures_util::future::BoxFuture;

use super::answer::{Answer, Answered};
use super::call::Call;
use super::scope::Access;
use super::{Api, balances, commission, payments, refunds, report, withdrawals, writes};

type Handle = for<'a> fn(&'a Api, &'a Call) -> BoxFuture<'a, Answered>;

/// A route.
pub struct Route {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// As OpenAPI writes it.
    pub path: &'static str,
    /// What a token must allow.
    pub access: Access,
    /// The parameters that its query may have.
    pub query: &'static [&'static str],
    /// The fields that its body may have; `None` for a route that only reads.
    pub body: Option<&'static [&'static str]>,
    pub(super) handle: Handle,
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

const fn get(path: &'static str, access: Access, query: &'static [&'static str], handle: Handle) -> Route {
    Route { method: "GET", path, access, query, body: None, handle }
}

const fn post(path: &'static str, fields: &'static [&'static str], handle: Handle) -> Route {
    Route { method: "POST", path, access: Access::AdminWrite, query: &[], body: Some(fields), handle }
}

static ROUTES: [Route; 12] = [
    get("/v1/openapi.json", Access::Anybody, &[], |api, _| {
        Box::pin(std::future::ready(Answer::ok(api.document.clone())))
    }),
    get("/v1/mentors/{id}/balance", Access::OwnMentor, &[], |api, call| Box::pin(balances::balance(api, call))),
    get("/v1/mentors/{id}/history", Access::OwnMentor, &["limit", "cursor"], |api, call| {
        Box::pin(balances::history(api, call))
    }),
    get("/v1/commission", Access::Reader, &["amount", "currency", "mentor"], |api, call| {
        Box::pin(commission::commission(api, call))
    }),
    get("/v1/payments", Access::AdminRead, &["mentor", "status", "limit", "cursor"], |api, call| {
        Box::pin(payments::list(api, call))
    }),
    get("/v1/payments/{id}", Access::AdminRead, &[], |api, call| Box::pin(payments::one(api, call))),
    get("/v1/payments/{id}/refunds", Access::AdminRead, &[], |api, call| Box::pin(refunds::list(api, call))),
    post("/v1/payments/{id}/refunds", &["amount", "by_policy", "currency", "reason"], |api, call| {
        Box::pin(refunds::ask(api, call))
    }),
    post("/v1/payments/{id}/complete", &["completed_at"], |api, call| Box::pin(writes::complete(api, call))),
    post("/v1/payments/{id}/holds", &["reason"], |api, call| Box::pin(writes::hold(api, call))),
    post("/v1/payments/{id}/holds/lift", &["reason"], |api, call| Box::pin(writes::lift(api, call))),
    get("/v1/report", Access::AdminRead, &["since", "until", "by"], |api, call| Box::pin(report::report(api, call))),
];

static OF_WITHDRAWALS: [Route; 2] = [
    get("/v1/mentors/{id}/withdrawals", Access::OwnMentor, &["limit", "cursor"], |api, call| {
        Box::pin(withdrawals::list(api, call))
    }),
    post("/v1/mentors/{id}/withdrawals", &["amount", "currency", "speed"], |api, call| {
        Box::pin(withdrawals::ask(api, call))
    }),
];

/// The routes that there are, with or without those for withdrawals.
pub fn mounted(withdrawals: bool) -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().chain(OF_WITHDRAWALS.iter().filter(move |_| withdrawals))
}
