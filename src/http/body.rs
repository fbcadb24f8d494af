//! Reads a request's body, up to a limit of bytes and of time. It knows no route.

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use tokio::time::timeout;

use super::Settings;
use super::error::ErrorAnswer;

/// A body over the limit is read on up to here and thrown away, since a sender that is cut off in the middle of
/// sending does not read the answer that says why.
const MOST_THROWN_AWAY_BYTES: u64 = 4 * 1024 * 1024;

pub(super) async fn read(mut body: Body, headers: &HeaderMap, settings: &Settings) -> Result<Vec<u8>, ErrorAnswer> {
    let limit = settings.body_limit_bytes;
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > MOST_THROWN_AWAY_BYTES.max(limit as u64)) {
        return Err(too_large(limit));
    }
    let mut kept = Vec::new();
    let mut seen = 0_u64;
    let reading = async {
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| broken_off())?.into_data() else { continue };
            seen += data.len() as u64;
            if seen <= limit as u64 {
                kept.extend_from_slice(&data);
            } else if seen > MOST_THROWN_AWAY_BYTES {
                break;
            }
        }
        if seen > limit as u64 { Err(too_large(limit)) } else { Ok(kept) }
    };
    timeout(settings.read_timeout, reading).await.unwrap_or_else(|_| Err(too_slow(settings)))
}

fn too_large(limit: usize) -> ErrorAnswer {
    let message = format!("the body is longer than the limit of {limit} bytes");
    ErrorAnswer::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message)
}

fn broken_off() -> ErrorAnswer {
    ErrorAnswer::new(StatusCode::BAD_REQUEST, "body_incomplete", "the body ended before it was complete")
}

fn too_slow(settings: &Settings) -> ErrorAnswer {
    let message = format!("the body did not arrive within {} ms", settings.read_timeout.as_millis());
    ErrorAnswer::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", message)
}
