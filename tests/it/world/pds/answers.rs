//! What a host answers: `com.atproto.sync.*` and the two ways to resolve a
//! handle, with the codes, error names and oddities measured on the reference.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Query, State as Shared};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use counterpart::atproto::{Cid, Did, RecordPath, Tid};
use counterpart::repo::author::Authored;
use counterpart::repo::mst::walk::{Need, Walk};
use serde::Deserialize;
use serde_json::{Value, json};

use super::account::{Account, Status};
use super::{Hosted, State, stream};

const CAR: &str = "application/vnd.ipld.car";
const LIMIT: usize = 500;
const LIMIT_MAX: usize = 1_000;

pub fn router(state: Arc<State>) -> Router {
    Router::new()
        .route("/xrpc/com.atproto.sync.getRepo", get(repo))
        .route("/xrpc/com.atproto.sync.getLatestCommit", get(latest_commit))
        .route("/xrpc/com.atproto.sync.getRepoStatus", get(repo_status))
        .route("/xrpc/com.atproto.sync.getRecord", get(record))
        .route("/xrpc/com.atproto.sync.getBlob", get(blob))
        .route("/xrpc/com.atproto.sync.listBlobs", get(list_blobs))
        .route("/xrpc/com.atproto.sync.listRepos", get(list_repos))
        .route("/xrpc/com.atproto.sync.subscribeRepos", get(stream::subscribe))
        .route("/xrpc/com.atproto.identity.resolveHandle", get(resolve_handle))
        .route("/.well-known/atproto-did", get(well_known_did))
        .fallback(unknown)
        .with_state(state)
}

/// Every parameter any of the methods has, as it was sent.
#[derive(Deserialize, Default)]
pub struct Params {
    did: Option<String>,
    since: Option<String>,
    collection: Option<String>,
    rkey: Option<String>,
    cid: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
    handle: Option<String>,
}

type Question = (Shared<Arc<State>>, Query<Params>);
type Answer = Result<Response, Refused>;

pub struct Refused {
    status: StatusCode,
    error: &'static str,
    message: String,
}

async fn repo((Shared(state), Query(params)): Question) -> Answer {
    let since = params.since()?;
    let hosted = state.locked();
    let account = hosted.served(&params)?;
    let head = account.head();
    let chunks: Vec<Bytes> = account.blocks_since(since).iter().map(|cid| section(head, *cid)).collect();
    let start = Bytes::from(head.car_of([]));
    // In pieces and without a length, as the reference sends it.
    let chunks = std::iter::once(start).chain(chunks).map(Ok::<_, std::convert::Infallible>);
    Ok(car(Body::from_stream(futures_util::stream::iter(chunks.collect::<Vec<_>>()))))
}

/// One section of a CAR by itself: what a CAR of one block has more than one of none.
fn section(head: &Authored, cid: Cid) -> Bytes {
    let empty = head.car_of([]).len();
    Bytes::from(head.car_of([cid])).slice(empty..)
}

async fn latest_commit((Shared(state), Query(params)): Question) -> Answer {
    let hosted = state.locked();
    let account = hosted.served(&params)?;
    Ok(Json(json!({ "cid": account.head().cid, "rev": account.rev() })).into_response())
}

async fn repo_status((Shared(state), Query(params)): Question) -> Answer {
    let hosted = state.locked();
    let account = hosted.known(&params)?;
    let mut answer = status_of(account);
    answer["did"] = json!(account.did);
    if account.status == Status::Active {
        answer["rev"] = json!(account.rev());
    }
    Ok(Json(answer).into_response())
}

async fn record((Shared(state), Query(params)): Question) -> Answer {
    let path = params.path()?;
    let hosted = state.locked();
    let head = hosted.served(&params)?.head();
    Ok(car(Body::from(head.car_of(proof(head, &path)))))
}

/// The commit, the nodes on the way to a path, and the record if there is one.
fn proof(head: &Authored, path: &RecordPath) -> Vec<Cid> {
    let key = path.as_str().as_bytes();
    let mut proof = vec![head.cid];
    let mut walk = Walk::new(head.commit.data);
    loop {
        match walk.need() {
            Need::Node(subtree) if subtree.spans(key) => {
                let cid = subtree.cid;
                proof.push(cid);
                walk.supply(&head.blocks[&cid]).expect("the host made this tree");
            }
            Need::Record { key: found, cid } if found == key => {
                proof.push(cid);
                return proof;
            }
            Need::Node(_) | Need::Record { .. } => walk.pass(),
            Need::Nothing => return proof,
        }
    }
}

async fn blob((Shared(state), Query(params)): Question) -> Answer {
    let cid =
        Cid::parse(Params::required("cid", &params.cid)?).map_err(|fault| invalid(fault.to_string()))?;
    let hosted = state.locked();
    let blob = hosted.served(&params)?.blob(&cid).ok_or_else(|| invalid("Blob not found"))?;
    let headers = [
        (header::CONTENT_TYPE, blob.mime.clone()),
        (header::CONTENT_LENGTH, blob.bytes.len().to_string()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{cid}\"")),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox".to_owned()),
    ];
    Ok((headers, blob.bytes.clone()).into_response())
}

async fn list_blobs((Shared(state), Query(params)): Question) -> Answer {
    let (since, limit) = (params.since()?, params.limit()?);
    let hosted = state.locked();
    let mut cids = hosted.served(&params)?.named_blobs(since);
    cids.retain(|cid| params.cursor.as_ref().is_none_or(|cursor| cid > cursor));
    cids.truncate(limit);
    let mut answer = json!({ "cids": cids });
    // A cursor even after the last page: the next one is empty.
    if let Some(last) = cids.last() {
        answer["cursor"] = json!(last);
    }
    Ok(Json(answer).into_response())
}

async fn list_repos((Shared(state), Query(params)): Question) -> Answer {
    let limit = params.limit()?;
    let cursor = params.cursor.as_deref().map(parse_cursor).transpose()?;
    let hosted = state.locked();
    let mut accounts: Vec<&Account> = hosted.accounts.values().collect();
    accounts.sort_by_key(|account| place(account));
    accounts.retain(|account| cursor.as_ref().is_none_or(|cursor| place(account) > *cursor));
    accounts.truncate(limit);
    let listed = |account: &&Account| {
        let (head, rev) = account.listed();
        let mut listed = status_of(account);
        listed["did"] = json!(account.did);
        listed["head"] = json!(head);
        listed["rev"] = json!(rev);
        listed
    };
    let mut answer = json!({ "repos": accounts.iter().map(listed).collect::<Value>() });
    if let Some((ms, did)) = accounts.last().map(|last| place(last)) {
        answer["cursor"] = json!(format!("{ms}::{did}"));
    }
    Ok(Json(answer).into_response())
}

fn place(account: &Account) -> (i64, String) {
    (account.created_at.micros() / 1000, account.did.to_string())
}

fn parse_cursor(text: &str) -> Result<(i64, String), Refused> {
    let parsed = text.split_once("::").and_then(|(ms, did)| Some((ms.parse().ok()?, did.to_owned())));
    parsed.ok_or_else(|| invalid("Malformed cursor"))
}

async fn resolve_handle((Shared(state), Query(params)): Question) -> Answer {
    let handle = Params::required("handle", &params.handle)?;
    match state.locked().named(handle) {
        Some(did) => Ok(Json(json!({ "did": did })).into_response()),
        None => Err(invalid("Unable to resolve handle")),
    }
}

async fn well_known_did(Shared(state): Shared<Arc<State>>, headers: HeaderMap) -> Response {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.split_once(':').map_or(host, |(name, _)| name);
    match state.locked().named(name) {
        Some(did) => did.to_string().into_response(),
        None => (StatusCode::NOT_FOUND, "User not found").into_response(),
    }
}

async fn unknown() -> Refused {
    let message = "Method Not Implemented".to_owned();
    Refused { status: StatusCode::NOT_IMPLEMENTED, error: "MethodNotImplemented", message }
}

impl Hosted {
    /// Whoever goes by this handle, unless out of sight.
    fn named(&self, handle: &str) -> Option<&Did> {
        let visible = self.accounts.values().filter(|account| account.status == Status::Active);
        visible.into_iter().find(|account| account.handle == handle).map(|account| &account.did)
    }

    fn known(&self, params: &Params) -> Result<&Account, Refused> {
        let did = Params::required("did", &params.did)?;
        let account = Did::parse(did).ok().and_then(|did| self.accounts.get(&did));
        account.ok_or_else(|| refused("RepoNotFound", format!("Could not find repo for DID: {did}")))
    }

    fn served(&self, params: &Params) -> Result<&Account, Refused> {
        let account = self.known(params)?;
        let did = &account.did;
        match account.status {
            Status::Active => Ok(account),
            Status::Deactivated => {
                Err(refused("RepoDeactivated", format!("Repo has been deactivated: {did}")))
            }
            Status::Suspended => Err(refused("RepoSuspended", format!("Repo has been suspended: {did}"))),
            Status::Takendown => Err(refused("RepoTakendown", format!("Repo has been takendown: {did}"))),
        }
    }
}

impl Params {
    fn required<'p>(name: &str, value: &'p Option<String>) -> Result<&'p str, Refused> {
        value.as_deref().ok_or_else(|| invalid(format!("Error: Params must have the property \"{name}\"")))
    }

    fn since(&self) -> Result<Option<Tid>, Refused> {
        let parsed = self.since.as_deref().map(Tid::parse).transpose();
        parsed.map_err(|_| invalid("Error: since must be a valid TID"))
    }

    fn limit(&self) -> Result<usize, Refused> {
        match self.limit.unwrap_or(LIMIT) {
            limit @ 1..=LIMIT_MAX => Ok(limit),
            0 => Err(invalid("Error: limit can not be less than 1")),
            _ => Err(invalid(format!("Error: limit can not be greater than {LIMIT_MAX}"))),
        }
    }

    fn path(&self) -> Result<RecordPath, Refused> {
        let collection = Self::required("collection", &self.collection)?;
        let rkey = Self::required("rkey", &self.rkey)?;
        RecordPath::parse(&format!("{collection}/{rkey}")).map_err(|fault| invalid(fault.to_string()))
    }
}

fn status_of(account: &Account) -> Value {
    match account.status.as_str() {
        None => json!({ "active": true }),
        Some(status) => json!({ "active": false, "status": status }),
    }
}

fn car(body: Body) -> Response {
    ([(header::CONTENT_TYPE, CAR)], body).into_response()
}

fn invalid(message: impl Into<String>) -> Refused {
    refused("InvalidRequest", message.into())
}

fn refused(error: &'static str, message: String) -> Refused {
    Refused { status: StatusCode::BAD_REQUEST, error, message }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.error, "message": self.message }))).into_response()
    }
}
