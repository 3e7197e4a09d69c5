//! `counterpart inspect`: what is in a CAR, in a recording of a firehose, or
//! between two CARs. Works offline, on files alone; nothing is fetched and
//! nothing is kept.

mod car;
mod diff;
mod frames;

use std::path::PathBuf;

use clap::Subcommand;

use super::{Answer, Failed};

#[derive(Subcommand)]
pub enum Inspect {
    /// What a repository holds: head, collections, sizes, blobs
    Car {
        /// The CAR file
        file: PathBuf,
        #[command(flatten)]
        answer: Answer,
    },
    /// The messages of a recorded firehose, one JSON line each, with what is proven of them
    Frames {
        /// Frames, each behind its length as four bytes, least significant first
        file: PathBuf,
        /// DID documents by DID, as one JSON object: whose keys to verify with
        #[arg(long, value_name = "FILE.json")]
        did_docs: Option<PathBuf>,
    },
    /// The records that were created, updated and deleted from one CAR to another
    Diff {
        /// The older CAR file
        old: PathBuf,
        /// The newer CAR file
        new: PathBuf,
        #[command(flatten)]
        answer: Answer,
    },
}

pub fn perform(inspect: Inspect) -> Result<(), Failed> {
    match inspect {
        Inspect::Car { file, answer } => car::show(&file, answer),
        Inspect::Frames { file, did_docs } => frames::show(&file, did_docs.as_deref()),
        Inspect::Diff { old, new, answer } => diff::show(&old, &new, answer),
    }
}

/// The repository in a file, or why it is none.
fn whole(file: &std::path::Path) -> Result<crate::repo::verify::WholeRepo<'static>, Failed> {
    super::car::open(file)?.map_err(|fault| {
        Failed::Work(anyhow::anyhow!("{} is invalid: {}: {fault}", file.display(), fault.label()))
    })
}
