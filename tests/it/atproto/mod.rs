//! What the parsed types and the signatures take and what they refuse.

mod any_input;
mod cids;
mod document;
mod identifiers;
mod keys;
mod paths;
mod peers;
mod signatures;
mod tids;
