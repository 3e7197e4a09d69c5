//! What we say when we do not do what was asked: the only type that knows
//! status codes and error names.
//!
//! Every refusal is the XRPC envelope, `{"error", "message"}`. Hints that a
//! proxy would strip from the headers belong into the body of a method's own answer.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// A path that is none of ours.
    NotFound,
    /// An NSID no schema of ours declares.
    UnknownMethod,
    /// A method we know, called with the wrong HTTP verb.
    WrongVerb { got: String, expected: &'static str },
    /// Too many requests at once; nothing was done.
    Busy,
    /// We took too long to begin an answer.
    TooSlow,
    /// A fault of ours. Details are in the log, not in the answer.
    Internal,
}

impl Refusal {
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::UnknownMethod => StatusCode::NOT_IMPLEMENTED,
            Self::WrongVerb { .. } => StatusCode::BAD_REQUEST,
            Self::Busy | Self::TooSlow => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    pub fn name(&self) -> &'static str {
        match self {
            Self::NotFound => "XRPCNotSupported",
            Self::UnknownMethod => "MethodNotImplemented",
            Self::WrongVerb { .. } => "InvalidRequest",
            Self::Busy | Self::TooSlow => "NotEnoughResources",
            Self::Internal => "InternalServerError",
        }
    }

    fn message(&self) -> String {
        match self {
            Self::NotFound => "there is nothing here; methods are at /xrpc/<NSID>".to_owned(),
            Self::UnknownMethod => "Method Not Implemented".to_owned(),
            Self::WrongVerb { got, expected } => {
                format!("Incorrect HTTP method ({got}) expected {expected}")
            }
            Self::Busy => "too many requests at once; try again in a moment".to_owned(),
            Self::TooSlow => "the answer took too long; try again in a moment".to_owned(),
            Self::Internal => "Internal Server Error".to_owned(),
        }
    }

    fn retry_after(&self) -> Option<HeaderValue> {
        matches!(self, Self::Busy | Self::TooSlow).then(|| HeaderValue::from_static("1"))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        metrics::counter!("counterpart_refusals_total", "error" => self.name()).increment(1);
        let body = Json(json!({ "error": self.name(), "message": self.message() }));
        let mut response = (self.status(), body).into_response();
        if let Some(seconds) = self.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}
