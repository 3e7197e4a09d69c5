//! What the directory answers, in the forms and with the codes of the real one.

use std::sync::Arc;

use axum::extract::{Path, State as Shared};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use counterpart::atproto::Curve;
use serde_json::{Value, json};

use super::operation::Identity;
use super::{Logged, State};

type Question = (Shared<Arc<State>>, Path<String>);

pub fn router(state: Arc<State>) -> Router {
    Router::new()
        .route("/{did}", get(document))
        .route("/{did}/data", get(data))
        .route("/{did}/log", get(log))
        .route("/{did}/log/audit", get(audit))
        .route("/{did}/log/last", get(last))
        .with_state(state)
}

async fn document((Shared(state), Path(did)): Question) -> Response {
    answer_living(&state, &did, |identity| {
        let document = describe(&did, identity).to_string();
        ([(header::CONTENT_TYPE, "application/did+ld+json; charset=utf-8")], document).into_response()
    })
}

async fn data((Shared(state), Path(did)): Question) -> Response {
    answer_living(&state, &did, |identity| {
        let Identity { signing, rotation, handle, pds } = identity;
        Json(json!({
            "did": did,
            "verificationMethods": { "atproto": signing },
            "rotationKeys": [rotation],
            "alsoKnownAs": [format!("at://{handle}")],
            "services": { "atproto_pds": { "type": "AtprotoPersonalDataServer", "endpoint": pds } },
        }))
        .into_response()
    })
}

async fn log((Shared(state), Path(did)): Question) -> Response {
    answer(&state, &did, |log| {
        Json(log.iter().map(|logged| &logged.operation).collect::<Vec<_>>()).into_response()
    })
}

async fn audit((Shared(state), Path(did)): Question) -> Response {
    answer(&state, &did, |log| {
        let audited = |logged: &Logged| {
            json!({
                "did": did,
                "operation": logged.operation,
                "cid": logged.operation.cid(),
                "nullified": false,
                "createdAt": logged.at.to_string(),
            })
        };
        Json(log.iter().map(audited).collect::<Value>()).into_response()
    })
}

async fn last((Shared(state), Path(did)): Question) -> Response {
    answer(&state, &did, |log| Json(log.last().map(|logged| &logged.operation)).into_response())
}

fn answer(state: &State, did: &str, told: impl FnOnce(&[Logged]) -> Response) -> Response {
    match state.locked().log(did, state.clock.now()) {
        [] => refuse(StatusCode::NOT_FOUND, format!("DID not registered: {did}")),
        log => told(log),
    }
}

fn answer_living(state: &State, did: &str, told: impl FnOnce(&Identity) -> Response) -> Response {
    let gone = state.locked().tombstone_status;
    answer(state, did, |log| match log.last().and_then(|logged| logged.identity.as_ref()) {
        Some(identity) => told(identity),
        None => refuse(gone, format!("DID not available: {did}")),
    })
}

fn refuse(status: StatusCode, message: String) -> Response {
    (status, Json(json!({ "message": message }))).into_response()
}

fn describe(did: &str, identity: &Identity) -> Value {
    let suite = match identity.signing.curve() {
        Curve::K256 => "https://w3id.org/security/suites/secp256k1-2019/v1",
        Curve::P256 => "https://w3id.org/security/suites/ecdsa-2019/v1",
    };
    json!({
        "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1", suite],
        "id": did,
        "alsoKnownAs": [format!("at://{}", identity.handle)],
        "verificationMethod": [{
            "id": format!("{did}#atproto"),
            "type": "Multikey",
            "controller": did,
            "publicKeyMultibase": identity.signing.to_multikey(),
        }],
        "service": [{
            "id": "#atproto_pds",
            "type": "AtprotoPersonalDataServer",
            "serviceEndpoint": identity.pds,
        }],
    })
}
