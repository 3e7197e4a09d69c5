// @generated from lexicons/network/counterpart by the drift test; do not edit

//! `network.counterpart`

pub mod replication;
