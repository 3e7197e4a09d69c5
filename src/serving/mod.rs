//! The door: every HTTP request this node answers.
//!
//! Reads, or writes an intent and lets the planner find it; it never dials out
//! on a caller's behalf. What a connection may cost is decided by the node's
//! accept loop before a request gets here; what a request may cost, here.

mod describe_service;
mod health;
mod refusal;
mod xrpc;

use std::time::Duration;

use axum::error_handling::HandleErrorLayer;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{BoxError, Router};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{Any, CorsLayer};
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;

pub use describe_service::Description;
pub use refusal::Refusal;

use crate::ledger::Ledger;
use crate::limits;

/// The routes of a node.
pub fn router(ledger: Ledger, description: Description, requests_max: usize) -> Router {
    let not_sniffed = HeaderValue::from_static("nosniff");
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods(Any)
        .allow_headers(Any)
        .expose_headers([header::RETRY_AFTER, HeaderName::from_static("atproto-repo-rev")])
        .max_age(Duration::from_secs(86_400));
    // Outermost first: what is shed costs least.
    let manners = ServiceBuilder::new()
        .layer(SetResponseHeaderLayer::overriding(header::X_CONTENT_TYPE_OPTIONS, not_sniffed))
        .layer(cors)
        .layer(HandleErrorLayer::new(shed))
        .load_shed()
        .concurrency_limit(requests_max)
        .timeout(Duration::from_millis(limits::ANSWER_MS_MAX))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(RequestBodyTimeoutLayer::new(Duration::from_millis(limits::BODY_READ_MS_MAX)))
        .layer(RequestBodyLimitLayer::new(limits::BODY_BYTES_MAX));
    let methods = Router::new()
        .route("/xrpc/{nsid}", any(move |method, nsid| xrpc::dispatch(description.clone(), method, nsid)))
        .route("/", get(async || "This is a Counterpart service: it keeps copies of atproto accounts.\nSee /xrpc/network.counterpart.replication.describeService\n"))
        .route("/robots.txt", get(async || "User-agent: *\nDisallow: /\n"))
        .fallback(async || Refusal::NotFound)
        .layer(manners);
    // Beside the rest, not behind it: a node that sheds load is still alive.
    Router::new().route("/xrpc/_health", get(move || health::answer(ledger.clone()))).merge(methods)
}

async fn shed(fault: BoxError) -> Response {
    if fault.is::<tower::timeout::error::Elapsed>() {
        Refusal::TooSlow.into_response()
    } else {
        Refusal::Busy.into_response()
    }
}

fn panicked(_: Box<dyn std::any::Any + Send + 'static>) -> Response {
    // The panic hook has logged where and why; the caller learns neither.
    Refusal::Internal.into_response()
}
