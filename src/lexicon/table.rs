// @generated from lexicons by the drift test; do not edit

//! Every method the schemas declare, by NSID in ascending order.

use crate::lexicon::{Kind, Method};

pub const METHODS: &[Method] = &[Method {
    nsid: crate::lexicon::network::counterpart::replication::describe_service::NSID,
    kind: Kind::Query,
    input: None,
    output: Some("application/json"),
    errors: crate::lexicon::network::counterpart::replication::describe_service::ERRORS,
}];
