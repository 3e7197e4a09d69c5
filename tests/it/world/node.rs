//! A node of the world: the planner, the workers and the rescuer of the real
//! one, which take their steps when they are told to and not by themselves.

use counterpart::clock::Clock;
use counterpart::jobs::rescue::sweep;
use counterpart::ledger::Ledger;
use counterpart::node::chores::plan_jobs;
use counterpart::node::config::Work;
use counterpart::node::presence::{Heartbeat, Presence};
use counterpart::node::workers::Workers;
use counterpart::node::{lanes, performer};

const WORK: Work = Work { workers: 4, large_workers: 1, jobs_per_host: 2 };
pub const KEEP_EVENTS_DAYS: u64 = 30;
/// A node that was declared dead notices at one beat and enters again at the next.
const BEATS_MAX: usize = 2;

pub struct Node {
    ledger: Ledger,
    clock: Clock,
    heartbeat: Heartbeat,
    presence: Presence,
    lanes: [Workers; 2],
}

impl Node {
    pub async fn enter(ledger: &Ledger, clock: &Clock) -> Self {
        let (ledger, clock) = (ledger.clone(), clock.clone());
        let (heartbeat, presence) = Heartbeat::begin(ledger.clone(), clock.clone()).await.unwrap();
        let perform = performer(ledger.clone(), clock.clone(), KEEP_EVENTS_DAYS);
        let lanes = lanes(&ledger, &clock, &presence, &perform, WORK);
        Self { ledger, clock, heartbeat, presence, lanes }
    }

    /// Every task of the node takes one step. Says how many jobs it performed.
    pub async fn step(&mut self) -> usize {
        for _ in 0..BEATS_MAX {
            self.heartbeat.beat().await;
            if self.presence.borrow().is_some() {
                break;
            }
        }
        assert!(self.presence.borrow().is_some(), "the node cannot enter its ledger");
        sweep(&self.ledger, self.clock.now()).await.unwrap();
        plan_jobs(&self.ledger, self.clock.now()).await.unwrap();
        let mut performed = 0;
        for lane in &mut self.lanes {
            performed += lane.turn().await;
        }
        performed
    }
}
