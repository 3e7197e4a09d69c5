//! From an NSID to the method that answers it, by the table the lexicons make.

use axum::extract::Path;
use axum::http::Method;
use axum::response::{IntoResponse, Response};

use super::describe_service::{self, Description};
use super::refusal::Refusal;
use crate::lexicon::network::counterpart::replication::describe_service as wire;
use crate::lexicon::{self, Kind};

pub async fn dispatch(description: Description, verb: Method, Path(nsid): Path<String>) -> Response {
    let Some(method) = lexicon::method(&nsid) else { return Refusal::UnknownMethod.into_response() };
    let expected = match method.kind {
        Kind::Query | Kind::Subscription => Method::GET,
        Kind::Procedure => Method::POST,
    };
    let head = verb == Method::HEAD && expected == Method::GET;
    if verb != expected && !head {
        let expected = if expected == Method::GET { "GET" } else { "POST" };
        return Refusal::WrongVerb { got: verb.to_string(), expected }.into_response();
    }
    match method.nsid {
        wire::NSID => describe_service::answer(&description),
        // A test calls every method of the table: none may end here.
        _ => Refusal::UnknownMethod.into_response(),
    }
}
