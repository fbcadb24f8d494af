//! One request from its head to its answer, the same for every route: let in, read, hand to the route, count and log.

use std::sync::Arc;

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use tokio::time::timeout;

use super::answer::{Answered, unavailable};
use super::call::Call;
use super::fields::{Fields, Query};
use super::routes::Route;
use super::{Api, door};
use crate::http::error::ErrorAnswer;
use crate::http::{Settings, State, body};

type Params = Result<RawPathParams, RawPathParamsRejection>;

/// A route's method, as the router takes it.
pub(super) fn method(route: &'static Route, api: &Arc<Api>, settings: &Settings) -> MethodRouter<State> {
    let filter = if route.body.is_some() { MethodFilter::POST } else { MethodFilter::GET };
    let (api, settings) = (api.clone(), settings.clone());
    on(filter, async move |params: Params, request: Request| {
        let answered = answer(route, &api, &settings, params, request).await;
        let mut response = answered.into_response();
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        count(route, response.status());
        response
    })
}

async fn answer(route: &Route, api: &Api, settings: &Settings, params: Params, request: Request) -> Response {
    let call = match read(route, api, settings, params, request).await {
        Ok(call) => call,
        Err(error) => return error.into_response(),
    };
    // What is under way in the database goes on to its end: to ask again with the same key finds it.
    let answered = timeout(settings.keep_timeout, (route.handle)(api, &call)).await;
    let answered = answered.unwrap_or_else(|_| Err(unavailable()));
    log(route, &call, &answered);
    answered.into_response()
}

async fn read(
    route: &Route,
    api: &Api,
    settings: &Settings,
    params: Params,
    request: Request,
) -> Result<Call, ErrorAnswer> {
    let (head, body) = request.into_parts();
    let now = api.parts.clock.now();
    let id = id_in(params)?;
    let caller = api.let_in(route, &id, &head.headers, now)?;
    let query = Query::read(head.uri.query().unwrap_or_default(), route.query)?;
    let Some(known) = route.body else {
        return Ok(Call { caller, now, id, query, fields: Fields::default(), key: String::new() });
    };
    let key = door::key(&head.headers)?;
    let body = body::read(body, &head.headers, settings).await?;
    if !body.is_empty() {
        is_json(&head.headers)?;
    }
    let fields = Fields::read(&body, known)?;
    Ok(Call { caller, now, id, query, fields, key })
}

fn id_in(params: Params) -> Result<String, ErrorAnswer> {
    let wrong = || ErrorAnswer::new(StatusCode::BAD_REQUEST, "invalid_path", "the path is not valid UTF-8").about("id");
    let params = params.map_err(|_| wrong())?;
    let id = params.iter().find(|(name, _)| *name == "id").map_or("", |(_, id)| id);
    if id.contains(char::is_control) { Err(wrong()) } else { Ok(id.to_owned()) }
}

fn is_json(headers: &HeaderMap) -> Result<(), ErrorAnswer> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let message = "the body must be JSON: send it with Content-Type: application/json";
    Err(ErrorAnswer::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message).about("Content-Type"))
}

fn count(route: &Route, status: StatusCode) {
    let (method, status) = (route.method, status.as_str().to_owned());
    metrics::counter!("payoutd_api_requests_total", "method" => method, "route" => route.path, "status" => status)
        .increment(1);
}

/// Who asked for what, and what came of it. Reads are worth no line by default.
fn log(route: &Route, call: &Call, answered: &Answered) {
    let (status, code) = match answered {
        Ok(answer) => (answer.status(), ""),
        Err(error) => (error.status(), error.code()),
    };
    let (subject, id, http_status) = (&call.caller, call.id.as_str(), status.as_u16());
    if route.body.is_some() {
        tracing::info!(api.subject = %subject, api.route = route.path, api.id = ?id, http.status = http_status, code,
            "a write was asked for");
    } else {
        tracing::debug!(api.subject = %subject, api.route = route.path, api.id = ?id, http.status = http_status, code,
            "asked");
    }
}
