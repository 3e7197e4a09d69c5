// @generated from lexicons/network/counterpart/replication by the drift test; do not edit

//! `network.counterpart.replication`

/// Describe this service: what it runs, who it is, what it answers and what it refuses for
/// size. Public; needs no authentication and says nothing of any account.
pub mod describe_service {
    use crate::lexicon::{Checked, Format, Violation, present, rules};

    pub const NSID: &str = "network.counterpart.replication.describeService";

    /// The error names the schema declares, beside those every method may answer.
    pub const ERRORS: &[&str] = &[];

    #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
    pub struct Output {
        /// DID of the service, for the `aud` of service tokens and for `atproto-proxy`. Absent on a
        /// node behind no public name, which nobody can call with a token.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
        pub did: Option<String>,
        /// Sizes beyond which a request is refused unread.
        pub limits: Limits,
        /// Every XRPC method answered here, by NSID in ascending order. A method that is not listed
        /// answers `MethodNotImplemented`.
        pub methods: Vec<String>,
        /// Version of the software that answers, as in `_health`.
        pub version: String,
    }

    impl Checked for Output {
        fn check(&self) -> Result<(), Violation> {
            rules::format("did", self.did.as_deref(), Format::Did)?;
            rules::inner("limits", &self.limits)?;
            rules::items("methods", self.methods.len(), ..=1000)?;
            rules::each("methods", &self.methods, |item| rules::format("", item.as_str(), Format::Nsid))?;
            rules::bytes("version", self.version.len(), 1..=128)?;
            rules::graphemes("version", self.version.as_str(), ..=64)?;
            Ok(())
        }
    }

    /// What this service refuses for its size. New limits are added as optional fields; an absent
    /// one is not known, not unlimited.
    #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
    pub struct Limits {
        /// Longest request body read, in bytes. A longer one is answered with `PayloadTooLarge`.
        #[serde(rename = "maxRequestBytes")]
        pub max_request_bytes: i64,
    }

    impl Checked for Limits {
        fn check(&self) -> Result<(), Violation> {
            rules::integer("maxRequestBytes", self.max_request_bytes, 1..)?;
            Ok(())
        }
    }
}
