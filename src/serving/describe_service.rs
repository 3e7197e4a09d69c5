//! Describe this service: what it runs, who it is, what it answers and what it
//! refuses for size. Public; needs no authentication and says nothing of any account.

use axum::Json;
use axum::response::{IntoResponse, Response};

use crate::lexicon::METHODS;
use crate::lexicon::network::counterpart::replication::describe_service::{Limits, Output};
use crate::limits;

/// What a node knows of itself.
#[derive(Clone, Debug)]
pub struct Description {
    /// The service's DID, when it has a public name.
    pub did: Option<String>,
}

pub fn answer(description: &Description) -> Response {
    let output = Output {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        did: description.did.clone(),
        methods: METHODS.iter().map(|method| method.nsid.to_owned()).collect(),
        limits: Limits { max_request_bytes: limits::BODY_BYTES_MAX as i64 },
    };
    Json(output).into_response()
}
