// @generated from lexicons/network by the drift test; do not edit

//! `network`

pub mod counterpart;
