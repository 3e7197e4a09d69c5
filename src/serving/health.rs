//! `/xrpc/_health`: alive, and on speaking terms with the ledger.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::ledger::Ledger;
use crate::limits;

/// Answers as a PDS does, so what watches the one can watch the other.
pub async fn answer(ledger: Ledger) -> Response {
    let version = env!("CARGO_PKG_VERSION");
    let patience = Duration::from_millis(limits::HEALTH_MS_MAX);
    let healthy = matches!(tokio::time::timeout(patience, ledger.answers()).await, Ok(Ok(())));
    let mut response = match healthy {
        true => Json(json!({ "version": version })).into_response(),
        false => {
            let body = Json(json!({ "version": version, "error": "Service Unavailable" }));
            (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
        }
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
