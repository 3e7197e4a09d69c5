//! Every cap in one room: bytes, blocks, depth, rows, attempts, queues, time.
//!
//! A number that bounds something from outside, or bounds what we keep, is
//! written here with its reason and nowhere else. What an operator may change
//! is a setting (`node::config`) and starts from a number here.
