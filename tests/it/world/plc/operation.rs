//! The operations of a `did:plc`, signed for real: what a directory's log
//! consists of, and where a DID comes from.

use std::collections::BTreeMap;

use counterpart::atproto::{Cid, Did, PublicKey, SigningKey, sign};
use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// What a DID's document will say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    pub signing: PublicKey,
    pub rotation: PublicKey,
    pub handle: String,
    /// An origin.
    pub pds: String,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "type")]
pub enum Operation {
    #[serde(rename = "plc_operation", rename_all = "camelCase")]
    State {
        rotation_keys: Vec<String>,
        verification_methods: BTreeMap<&'static str, String>,
        also_known_as: Vec<String>,
        services: BTreeMap<&'static str, Service>,
        prev: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        sig: Option<String>,
    },
    #[serde(rename = "plc_tombstone")]
    Tombstone {
        prev: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        sig: Option<String>,
    },
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Service {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub endpoint: String,
}

impl Operation {
    pub fn state(identity: &Identity, prev: Option<Cid>) -> Self {
        let pds = Service { kind: "AtprotoPersonalDataServer", endpoint: identity.pds.clone() };
        Self::State {
            rotation_keys: vec![identity.rotation.to_string()],
            verification_methods: BTreeMap::from([("atproto", identity.signing.to_string())]),
            also_known_as: vec![format!("at://{}", identity.handle)],
            services: BTreeMap::from([("atproto_pds", pds)]),
            prev: prev.map(|prev| prev.to_string()),
            sig: None,
        }
    }

    pub fn tombstone(prev: Cid) -> Self {
        Self::Tombstone { prev: prev.to_string(), sig: None }
    }

    /// Signs what has no signature yet.
    #[must_use]
    pub fn signed(mut self, key: &SigningKey) -> Self {
        let signature = BASE64URL_NOPAD.encode(&sign(key, &self.encode()));
        let (Self::State { sig, .. } | Self::Tombstone { sig, .. }) = &mut self;
        *sig = Some(signature);
        self
    }

    pub fn cid(&self) -> Cid {
        Cid::of_dag_cbor(&self.encode())
    }

    /// The DID that begins with this operation.
    pub fn did(&self) -> Did {
        let hash = BASE32_NOPAD.encode(&Sha256::digest(self.encode())).to_lowercase();
        Did::parse(&format!("did:plc:{}", &hash[..24])).unwrap()
    }

    fn encode(&self) -> Vec<u8> {
        serde_ipld_dagcbor::to_vec(self).unwrap()
    }
}
