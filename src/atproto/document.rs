//! A DID document, read for what atproto takes from it: the signing key, the
//! host, the handle.
//!
//! Both forms in use are read: Multikey, and the older one with uncompressed
//! keys. Fetching it, and whether a handle points back, are left to others.

use serde::Deserialize;
use thiserror::Error;

use super::did::Did;
use super::handle::Handle;
use super::key::{KeyFault, PublicKey};
use super::syntax::SyntaxFault;
use crate::limits::{DOCUMENT_BYTES_MAX, DOCUMENT_ENTRIES_MAX};

/// What a DID document says that concerns us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DidDocument {
    pub did: Did,
    /// The `#atproto` key; `None` when it names none.
    pub signing_key: Option<PublicKey>,
    /// The origin of the `#atproto_pds` service.
    pub pds: Option<String>,
    /// As claimed; it may not point back.
    pub handle: Option<Handle>,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DocumentFault {
    #[error("a DID document of {length} bytes, more than {DOCUMENT_BYTES_MAX}")]
    TooLarge { length: usize },
    #[error("the DID document is not JSON of the right shape: {0}")]
    Shape(String),
    #[error("the DID document has more than {DOCUMENT_ENTRIES_MAX} {what}")]
    TooMany { what: &'static str },
    #[error("the DID document's id is no DID: {0}")]
    Id(SyntaxFault),
    #[error("the DID document's signing key cannot be read: {0}")]
    Key(KeyFault),
    #[error("the DID document's PDS is not an http(s) origin: {0}")]
    Pds(String),
}

impl DocumentFault {
    pub const fn label(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "document_too_large",
            Self::Shape(_) => "document_shape",
            Self::TooMany { .. } => "document_too_many",
            Self::Id(_) => "document_id",
            Self::Key(_) => "document_key",
            Self::Pds(_) => "document_pds",
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    id: String,
    #[serde(default)]
    also_known_as: Vec<String>,
    #[serde(default)]
    verification_method: Vec<KeyEntry>,
    #[serde(default)]
    service: Vec<Endpoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyEntry {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    public_key_multibase: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    // Other services may have an object here; only ours must be text.
    service_endpoint: serde_json::Value,
}

impl DidDocument {
    pub fn parse(json: &[u8]) -> Result<Self, DocumentFault> {
        if json.len() > DOCUMENT_BYTES_MAX {
            return Err(DocumentFault::TooLarge { length: json.len() });
        }
        let wire: Wire =
            serde_json::from_slice(json).map_err(|fault| DocumentFault::Shape(fault.to_string()))?;
        for (what, count) in [
            ("names", wire.also_known_as.len()),
            ("keys", wire.verification_method.len()),
            ("services", wire.service.len()),
        ] {
            if count > DOCUMENT_ENTRIES_MAX {
                return Err(DocumentFault::TooMany { what });
            }
        }
        let did = Did::parse(&wire.id).map_err(DocumentFault::Id)?;
        let names = |id: &str, fragment: &str| {
            id.strip_prefix(did.as_str())
                .unwrap_or(id)
                .strip_prefix('#')
                .is_some_and(|found| found == fragment)
        };
        // First match wins, as in the reference.
        let key = wire.verification_method.iter().find(|method| names(&method.id, "atproto"));
        let signing_key = key
            .and_then(|method| method.public_key_multibase.as_ref().map(|key| (method.kind.as_str(), key)))
            .map(|(kind, key)| PublicKey::from_verification_method(kind, key).map_err(DocumentFault::Key))
            .transpose()?;
        let pds = wire
            .service
            .iter()
            .find(|service| names(&service.id, "atproto_pds") && service.kind == "AtprotoPersonalDataServer")
            .map(|service| origin(&service.service_endpoint))
            .transpose()?;
        let handle =
            wire.also_known_as.iter().find_map(|name| Handle::parse(name.strip_prefix("at://")?).ok());
        Ok(Self { did, signing_key, pds, handle })
    }
}

// Scheme, host and port only; what else a URL can say has no meaning here and
// is where attacks hide.
fn origin(endpoint: &serde_json::Value) -> Result<String, DocumentFault> {
    let fault = || DocumentFault::Pds(endpoint.to_string().chars().take(200).collect());
    let text = endpoint.as_str().ok_or_else(fault)?;
    let (scheme, rest) = text.split_once("://").ok_or_else(fault)?;
    let scheme = scheme.to_ascii_lowercase();
    let host = rest.strip_suffix('/').unwrap_or(rest).to_ascii_lowercase();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']');
    if !matches!(scheme.as_str(), "http" | "https") || host.is_empty() || !host.bytes().all(plain) {
        return Err(fault());
    }
    Ok(format!("{scheme}://{host}"))
}
