//! A world on loopback for the fast suites: a directory, hosts that sign, and
//! nodes, under one clock that only the test moves.
//!
//! The bytes are real, the sockets are real, the time is not. What the nodes
//! make of the hosts is for the suites that live here to say.

mod builder;
mod dice;
mod front;
mod node;
mod pds;
mod plc;
mod proxy;
mod undone;

mod accounts_move;
mod bytes_are_real;
mod directory;
mod frames_are_real;
mod host_answers;
mod nodes_settle;
mod oracle;

use std::collections::BTreeMap;

use counterpart::atproto::{Curve, Did, SigningKey};
use counterpart::clock::Clock;
use rand::rngs::StdRng;

use crate::ledger::Bed;
use builder::Builder;
use node::Node;
use pds::{Pds, Status};
use plc::Plc;
use proxy::Proxy;

/// So many rounds and still something is due: a job that makes itself.
const ROUNDS_MAX: usize = 10_000;

pub struct World {
    pub clock: Clock,
    pub plc: Plc,
    hosts: BTreeMap<String, Host>,
    people: BTreeMap<String, Person>,
    nodes: Vec<Node>,
    /// The ledger that the nodes share, when there are nodes.
    bed: Option<Bed>,
    dice: StdRng,
}

struct Host {
    pds: Pds,
    /// Where documents say it is: its proxy, if it has one.
    origin: String,
    proxy: Option<Proxy>,
}

struct Person {
    did: Did,
    host: String,
    curve: Curve,
}

impl World {
    #[expect(clippy::new_ret_no_self, reason = "a world is described before it is made")]
    pub fn new(seed: u64) -> Builder {
        Builder::new(seed)
    }

    pub fn did(&self, name: &str) -> &Did {
        &self.person(name).did
    }

    pub fn pds(&self, host: &str) -> &Pds {
        &self.host(host).pds
    }

    /// Where clients are told that the host is.
    pub fn origin(&self, host: &str) -> &str {
        &self.host(host).origin
    }

    pub fn proxy(&self, host: &str) -> &Proxy {
        self.host(host).proxy.as_ref().unwrap_or_else(|| panic!("nothing stands before {host}"))
    }

    pub fn bed(&self) -> &Bed {
        self.bed.as_ref().expect("this world has no nodes and so no ledger")
    }

    /// Runs every node until nothing is due. Says how many jobs that took.
    pub async fn settle(&mut self) -> usize {
        let mut performed = 0;
        for _ in 0..ROUNDS_MAX {
            let mut round = 0;
            for node in &mut self.nodes {
                round += node.step().await;
            }
            if round == 0 {
                return performed;
            }
            performed += round;
        }
        panic!("{performed} jobs and still something is due")
    }

    /// Signs with a new key from now on, in the directory and at the host.
    pub fn rotate_key(&mut self, name: &str) {
        let key = self.fresh_key(self.person(name).curve);
        let Person { did, host, .. } = self.person(name);
        self.plc.update(did, |identity| identity.signing = key.public());
        self.pds(host).set_key(did, key);
    }

    /// Moves an account as a client would: its copy first, its document then,
    /// and the old host last.
    pub fn migrate(&mut self, name: &str, to: &str) {
        let key = self.fresh_key(self.person(name).curve);
        let Person { did, host, .. } = self.person(name);
        let (from, new) = (self.pds(host), self.host(to));
        new.pds.import(from, did, key.clone());
        self.plc.update(did, |identity| {
            identity.signing = key.public();
            new.origin.clone_into(&mut identity.pds);
        });
        new.pds.set_key(did, key);
        new.pds.set_status(did, Status::Active);
        from.set_status(did, Status::Deactivated);
        to.clone_into(&mut self.people.get_mut(name).expect("somebody").host);
    }

    fn host(&self, name: &str) -> &Host {
        self.hosts.get(name).unwrap_or_else(|| panic!("no host {name} in this world"))
    }

    fn person(&self, name: &str) -> &Person {
        self.people.get(name).unwrap_or_else(|| panic!("nobody is called {name} in this world"))
    }

    fn fresh_key(&mut self, curve: Curve) -> SigningKey {
        dice::key(&mut self.dice, curve)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(bed) = &self.bed
            && !std::thread::panicking()
        {
            let undone = undone::look(&bed.url, self.clock.now());
            assert!(undone.is_empty(), "the world ends with work undone: {undone:#?}");
        }
    }
}
