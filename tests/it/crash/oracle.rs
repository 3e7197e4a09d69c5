//! What the victims said while they lived: the harness's own memory, which no
//! crash touches.

use std::collections::BTreeMap;

use super::victim::Heard;

#[derive(Default, Clone, Debug)]
pub struct Oracle {
    /// For each subject, the highest of its wishes that was acknowledged.
    pub acknowledged: BTreeMap<String, i64>,
    /// Jobs taken from dead processes.
    pub rescued: u64,
    /// Attempts that came to the end of their work after they had lost it.
    pub fenced: usize,
    /// Processes that learned they had been declared dead.
    pub stood_down: usize,
}

impl Oracle {
    pub fn remember(&mut self, heard: &Heard) {
        for wish in heard.after("wished") {
            let (subject, generation) = wish.split_once(' ').expect("a subject and a number");
            let generation = generation.parse::<i64>().expect("a number");
            let known = self.acknowledged.entry(subject.to_owned()).or_default();
            *known = generation.max(*known);
        }
        for rescue in heard.after("rescued") {
            let (released, _) = rescue.split_once(' ').expect("two numbers");
            self.rescued += released.parse::<u64>().expect("a number");
        }
        self.fenced += heard.after("fenced").count();
        self.stood_down += heard.times("lost");
    }
}
