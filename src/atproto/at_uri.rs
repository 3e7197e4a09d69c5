//! An AT-URI in the restricted syntax that records use: an authority, perhaps
//! a collection, perhaps a record key, and nothing after it.
//!
//! No query, no fragment, no trailing slash: each record has one address.
//! A handle in the authority becomes lower case, everything else is kept.

use std::fmt;

use super::did::Did;
use super::handle::Handle;
use super::nsid::Nsid;
use super::record_path::RecordPath;
use super::rkey::Rkey;
use super::syntax::{Form, SyntaxFault, reads_as_text};
use crate::limits::AT_URI_BYTES_MAX;

const FORM: Form = Form::AtUri;
const PREFIX: &str = "at://";

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AtUri {
    authority: Authority,
    path: Option<(Nsid, Option<Rkey>)>,
}

/// Whose repository: also the `at-identifier` of a method's parameters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Authority {
    Did(Did),
    Handle(Handle),
}

impl AtUri {
    /// The address of one record.
    pub fn of(authority: Authority, collection: Nsid, rkey: Rkey) -> Self {
        Self { authority, path: Some((collection, Some(rkey))) }
    }

    pub fn parse(text: &str) -> Result<Self, SyntaxFault> {
        if text.len() > AT_URI_BYTES_MAX {
            return Err(SyntaxFault::TooLong { form: FORM, length: text.len(), max: AT_URI_BYTES_MAX });
        }
        let rest = text.strip_prefix(PREFIX).ok_or(SyntaxFault::Prefix { form: FORM, prefix: PREFIX })?;
        let mut parts = rest.splitn(3, '/');
        let authority = parts.next().map(Authority::parse).expect("a split has a first part")?;
        let collection = parts.next().map(Nsid::parse).transpose()?;
        let rkey = parts.next().map(Rkey::parse).transpose()?;
        Ok(Self { authority, path: collection.map(|collection| (collection, rkey)) })
    }

    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    pub fn collection(&self) -> Option<&Nsid> {
        self.path.as_ref().map(|(collection, _)| collection)
    }

    pub fn rkey(&self) -> Option<&Rkey> {
        self.path.as_ref().and_then(|(_, rkey)| rkey.as_ref())
    }

    /// Where in the repository, when it names a record.
    pub fn record_path(&self) -> Option<RecordPath> {
        match &self.path {
            Some((collection, Some(rkey))) => Some(RecordPath::of(collection, rkey)),
            _ => None,
        }
    }
}

impl fmt::Display for AtUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.authority)?;
        match &self.path {
            None => Ok(()),
            Some((collection, None)) => write!(f, "/{collection}"),
            Some((collection, Some(rkey))) => write!(f, "/{collection}/{rkey}"),
        }
    }
}

reads_as_text!(AtUri, SyntaxFault);

impl Authority {
    /// A DID has a colon and a handle has none, so nothing can be both.
    pub fn parse(text: &str) -> Result<Self, SyntaxFault> {
        match text.starts_with("did:") {
            true => Did::parse(text).map(Self::Did),
            false => Handle::parse(text).map(Self::Handle),
        }
    }

    pub fn as_str(&self) -> &str {
        match self {
            Self::Did(did) => did.as_str(),
            Self::Handle(handle) => handle.as_str(),
        }
    }

    pub fn did(&self) -> Option<&Did> {
        match self {
            Self::Did(did) => Some(did),
            Self::Handle(_) => None,
        }
    }
}

impl From<Did> for Authority {
    fn from(did: Did) -> Self {
        Self::Did(did)
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

reads_as_text!(Authority, SyntaxFault);
