//! Describing a world, and making it.

use counterpart::atproto::Curve;
use counterpart::clock::Clock;

use super::node::Node;
use super::pds::record::{create, note};
use super::pds::{Pds, tid_at};
use super::plc::{Identity, Plc};
use super::proxy::{Plan, Proxy};
use super::{Host, Person, World, dice, front};
use crate::ledger::{Bed, START};

const WRITES_AT_ONCE: usize = 200;

#[must_use]
pub struct Builder {
    seed: u64,
    hosts: Vec<(String, Option<Plan>)>,
    accounts: Vec<(String, String, usize)>,
    nodes: usize,
}

impl Builder {
    pub const fn new(seed: u64) -> Self {
        Self { seed, hosts: Vec::new(), accounts: Vec::new(), nodes: 0 }
    }

    pub fn host(mut self, name: &str) -> Self {
        self.hosts.push((name.to_owned(), None));
        self
    }

    /// A host that everybody reaches through a proxy with this plan.
    pub fn host_behind(mut self, name: &str, plan: Plan) -> Self {
        self.hosts.push((name.to_owned(), Some(plan)));
        self
    }

    /// An account with so many records, called `<name>.<host>.test`. Keys are
    /// of the one curve and the other in turn.
    pub fn account(mut self, name: &str, host: &str, records: usize) -> Self {
        self.accounts.push((name.to_owned(), host.to_owned(), records));
        self
    }

    /// One more node on the world's ledger.
    pub const fn node(mut self) -> Self {
        self.nodes += 1;
        self
    }

    /// A world whose nodes, if there are any, share a SQLite ledger.
    pub async fn start(self) -> World {
        let bed = if self.nodes == 0 { None } else { Some(Bed::sqlite().await) };
        self.make(bed).await
    }

    pub async fn start_on(self, bed: Bed) -> World {
        self.make(Some(bed)).await
    }

    async fn make(self, bed: Option<Bed>) -> World {
        let Self { seed, hosts, accounts, nodes } = self;
        let clock = Clock::manual(START, seed);
        let plc = Plc::open(clock.clone()).await;
        let mut world = World {
            clock,
            plc,
            hosts: Default::default(),
            people: Default::default(),
            nodes: Vec::new(),
            bed,
            dice: dice::of_seed(seed),
        };
        for (name, plan) in hosts {
            let host = open_host(&world.clock, plan).await;
            world.hosts.insert(name, host);
        }
        for (number, (name, host, records)) in accounts.into_iter().enumerate() {
            let curve = if number % 2 == 0 { Curve::K256 } else { Curve::P256 };
            let person = settle_person(&mut world, curve, &name, host, records);
            let before = world.people.insert(name, person);
            assert!(before.is_none(), "two of one name");
        }
        for _ in 0..nodes {
            let node = Node::enter(&world.bed().ledger, &world.clock).await;
            world.nodes.push(node);
        }
        world
    }
}

async fn open_host(clock: &Clock, plan: Option<Plan>) -> Host {
    let (listener, at) = front::listen().await;
    let pds = Pds::open(listener, clock.clone());
    let proxy = plan.map(|plan| Proxy::to(at, plan));
    let origin = format!("http://{}", proxy.as_ref().map_or(at, Proxy::at));
    Host { pds, origin, proxy }
}

fn settle_person(world: &mut World, curve: Curve, name: &str, host: String, records: usize) -> Person {
    let (key, rotation) = (world.fresh_key(curve), dice::key(&mut world.dice, Curve::K256));
    let identity = Identity {
        signing: key.public(),
        rotation: rotation.public(),
        handle: format!("{name}.{host}.test"),
        pds: world.origin(&host).to_owned(),
    };
    let handle = identity.handle.clone();
    let did = world.plc.register(identity, rotation);
    let micros = world.clock.now().micros() as u64;
    let writes: Vec<_> = (0..records)
        .map(|number| {
            create(&tid_at(micros + number as u64).to_string(), note(&dice::words(&mut world.dice)))
        })
        .collect();
    let pds = world.pds(&host);
    pds.create_account(&did, &handle, key);
    for batch in writes.chunks(WRITES_AT_ONCE) {
        pds.write(&did, batch);
    }
    Person { did, host, curve }
}
