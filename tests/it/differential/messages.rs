//! What a host may tell of a commit: the truth, or nearly so.

use std::collections::BTreeMap;

use counterpart::atproto::{Cid, Did, SigningKey, Tid};
use counterpart::repo::author::{Announcement, Authored, RecordMap};
use counterpart::repo::frame::{Action, CommitMessage, Op};

use super::cars::{alice, header, path, record, section, tid};
use super::damage::harm_bytes;
use super::dice::Dice;
use super::head::{Head, SLIPS, Slip};
use super::tree::grow;
use super::twists::twist;

/// A message that owns what it says, and can be made to say something else.
#[derive(Clone)]
pub struct Telling {
    pub story: String,
    repo: Did,
    rev: Tid,
    since: Option<Tid>,
    commit: Cid,
    prev_data: Option<Cid>,
    too_big: bool,
    ops: Vec<Step>,
    blocks: Vec<u8>,
}

#[derive(Clone)]
struct Step {
    action: Action,
    path: String,
    cid: Option<Cid>,
    prev: Option<Cid>,
}

/// What is told of.
pub struct Scene<'a> {
    pub before: &'a Authored,
    pub after: &'a Authored,
    /// What the repository holds afterwards.
    pub records: &'a RecordMap,
    pub key: &'a SigningKey,
}

impl Telling {
    /// As it is.
    pub fn of(announcement: &Announcement) -> Self {
        let step =
            |op: Op<'_>| Step { action: op.action, path: op.path.to_owned(), cid: op.cid, prev: op.prev };
        Self {
            story: "the truth".to_owned(),
            repo: announcement.repo.clone(),
            rev: announcement.rev,
            since: Some(announcement.since),
            commit: announcement.commit,
            prev_data: Some(announcement.prev_data),
            too_big: false,
            ops: announcement.ops.iter().map(|op| step(op.as_op())).collect(),
            blocks: announcement.blocks.clone(),
        }
    }

    pub fn message(&self) -> CommitMessage<'_> {
        let ops = self.ops.iter().map(|step| {
            let Step { action, path, cid, prev } = step;
            Op { action: *action, path, cid: *cid, prev: *prev }
        });
        CommitMessage {
            seq: 1,
            repo: self.repo.clone(),
            time: "2024-01-01T00:00:00.000Z",
            rev: self.rev,
            since: self.since,
            commit: self.commit,
            too_big: self.too_big,
            blocks: &self.blocks,
            ops: ops.collect(),
            prev_data: self.prev_data,
        }
    }

    /// Bends what is told at one place; `None` when that could not be done
    /// where the dice fell. Some of it stays true.
    pub fn bend(mut self, scene: &Scene<'_>, dice: &mut Dice) -> Option<Self> {
        let what = match dice.below(10) {
            0..4 => self.bend_ops(dice)?,
            4 => self.bend_fields(scene, dice),
            5..7 => self.bend_blocks(scene, dice)?,
            _ => self.sign_again(scene, dice)?,
        };
        self.story = what;
        Some(self)
    }

    fn bend_ops(&mut self, dice: &mut Dice) -> Option<String> {
        if dice.one_in(6) {
            return Some(self.add_op(dice));
        }
        if self.ops.is_empty() {
            return None;
        }
        let at = dice.below(self.ops.len());
        let nowhere = Cid::of_dag_cbor(&dice.roll().to_le_bytes());
        let other = dice.below(self.ops.len());
        let (others_cid, others_path) = (self.ops[other].cid, self.ops[other].path.clone());
        let op = &mut self.ops[at];
        let what = match dice.below(11) {
            0 => {
                self.ops.remove(at);
                "an operation not told"
            }
            1 => {
                let twin = op.clone();
                self.ops.push(twin);
                "an operation told twice"
            }
            2 => {
                op.prev = Some(nowhere);
                "another record before"
            }
            3 => {
                op.prev = None;
                "no record before"
            }
            4 => {
                op.cid = Some(nowhere);
                "another record after"
            }
            5 => {
                op.cid = None;
                "no record after"
            }
            6 => {
                op.cid = others_cid;
                "the record of another operation"
            }
            7 => {
                op.action = *dice.pick(&[Action::Create, Action::Update, Action::Delete]);
                "another action"
            }
            8 => {
                op.path = others_path;
                "the path of another operation"
            }
            9 => {
                op.path = path(dice);
                "another path"
            }
            _ => {
                dice.shuffle(&mut self.ops);
                "the operations in another order"
            }
        };
        Some(what.to_owned())
    }

    fn add_op(&mut self, dice: &mut Dice) -> String {
        let cid = Some(Cid::of_dag_cbor(&record(dice)));
        let (action, cid, prev) = match dice.below(3) {
            0 => (Action::Create, cid, None),
            1 => (Action::Update, cid, cid),
            _ => (Action::Delete, None, cid),
        };
        self.ops.push(Step { action, path: path(dice), cid, prev });
        format!("a {} that was not done", action.as_str())
    }

    fn bend_fields(&mut self, scene: &Scene<'_>, dice: &mut Dice) -> String {
        let nowhere = Cid::of_dag_cbor(&dice.roll().to_le_bytes());
        let what = match dice.below(9) {
            0 => {
                self.prev_data = Some(nowhere);
                "another tree before"
            }
            1 => {
                self.prev_data = None;
                "no tree before"
            }
            2 => {
                self.since = Some(tid(dice));
                "another revision before"
            }
            3 => {
                self.since = None;
                "no revision before"
            }
            4 => {
                self.too_big = true;
                "too big"
            }
            5 => {
                self.rev = tid(dice);
                "a revision that was not signed"
            }
            6 => {
                self.repo = Did::parse("did:plc:malloryaaaaaaaaaaaaaaaaa").expect("a DID");
                "another repository"
            }
            7 => {
                self.commit = nowhere;
                "another commit"
            }
            _ => {
                self.commit = scene.before.cid;
                "the commit before"
            }
        };
        what.to_owned()
    }

    fn bend_blocks(&mut self, scene: &Scene<'_>, dice: &mut Dice) -> Option<String> {
        let mut sections = split(&self.blocks);
        let at = 1 + dice.below(sections.len() - 1);
        let what = match dice.below(6) {
            0..3 => {
                sections.remove(at);
                "a block not sent"
            }
            3 => {
                let twin = sections[at].clone();
                sections.push(twin);
                "a block sent twice"
            }
            4 => {
                let rest = scene.before.blocks.iter().chain(&scene.after.blocks);
                sections.extend(rest.map(|(cid, bytes)| section(cid, bytes)));
                "every block there is"
            }
            _ => {
                let what = harm_bytes(&mut self.blocks, dice);
                return Some(what.to_owned());
            }
        };
        self.blocks = sections.concat();
        Some(what.to_owned())
    }

    /// What the account's own host can do: sign something else.
    fn sign_again(&mut self, scene: &Scene<'_>, dice: &mut Dice) -> Option<String> {
        let mut entries: BTreeMap<Vec<u8>, Cid> = BTreeMap::new();
        for (path, bytes) in scene.records {
            entries.insert(path.as_str().as_bytes().to_vec(), Cid::of_dag_cbor(bytes));
        }
        let mut slip = Slip::None;
        let mut twisted = false;
        let what = match dice.below(6) {
            0 => {
                slip = *dice.pick(&SLIPS);
                format!("a commit of {slip:?}")
            }
            1 => {
                let hidden = record(dice);
                entries.insert(path(dice).into_bytes(), Cid::of_dag_cbor(&hidden));
                "a record put there and not told".to_owned()
            }
            2 => {
                let gone = entries.keys().nth(dice.below(entries.len().max(1)))?.clone();
                entries.remove(&gone);
                "a record taken away and not told".to_owned()
            }
            3 => {
                self.rev =
                    *dice.pick(&[scene.before.commit.rev, Tid::parse("2222222222222").expect("a TID")]);
                "a revision that is not newer".to_owned()
            }
            _ => {
                twisted = true;
                String::new()
            }
        };
        let entries: Vec<_> = entries.into_iter().collect();
        let mut tree = grow(&entries);
        let what = if twisted { (0..20).find_map(|_| twist(&mut tree, dice))?.to_owned() } else { what };

        let mut blocks = Vec::new();
        let data = tree.write(&mut blocks);
        let did = alice();
        let head = Head { did: did.as_str(), rev: &self.rev.to_string(), data, key: scene.key };
        let commit = head.write(slip, dice);
        self.commit = Cid::of_dag_cbor(&commit);
        let mut sections = vec![header(&[self.commit], 1), section(&self.commit, &commit)];
        sections.extend(blocks.iter().map(|(cid, bytes)| section(cid, bytes)));
        sections.extend(scene.records.values().map(|bytes| section(&Cid::of_dag_cbor(bytes), bytes)));
        self.blocks = sections.concat();
        Some(what)
    }
}

/// The header of a CAR and its sections.
fn split(car: &[u8]) -> Vec<Vec<u8>> {
    let mut sections = Vec::new();
    let mut rest = car;
    while !rest.is_empty() {
        let read = counterpart::repo::varint::read(rest).expect("a length");
        let (length, width) = read.expect("a whole one");
        let (section, after) = rest.split_at(width + length as usize);
        sections.push(section.to_vec());
        rest = after;
    }
    sections
}
