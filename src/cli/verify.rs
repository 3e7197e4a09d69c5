//! `counterpart verify FILE.car`: is this a whole, honest copy of a repository?
//!
//! Says what was checked and, as plainly, what was not. Works offline on a
//! file; what is kept by a node is scrubbed elsewhere.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::{Answer, Failed, car, print, print_json};
use crate::atproto::{Did, PublicKey};
use crate::clock::Clock;
use crate::repo::record;
use crate::repo::verify::{KeySpan, SignedBy, Signer, WholeRepo};
use crate::repo::{Blocks, Unverified};

#[derive(Args)]
pub struct Verify {
    /// The CAR file
    file: PathBuf,
    /// Whose repository it must be
    #[arg(long, value_name = "DID", value_parser = |text: &str| Did::parse(text))]
    did: Option<Did>,
    /// The account's signing key, as did:key:…
    #[arg(long, value_name = "KEY", value_parser = |text: &str| PublicKey::parse(text))]
    key: Option<PublicKey>,
    #[command(flatten)]
    answer: Answer,
}

/// What was found out about a CAR that is whole.
struct Findings {
    repo: Value,
    text: String,
    checked: Vec<&'static str>,
    not_checked: Vec<&'static str>,
}

pub fn perform(verify: &Verify) -> Result<(), Failed> {
    match findings(verify) {
        Ok(findings) => told(findings, verify.answer),
        Err(Refused::Invalid(fault)) => refused(&verify.file, &fault, verify.answer),
        Err(Refused::Failed(fault)) => Err(fault),
    }
}

enum Refused {
    Invalid(Unverified),
    Failed(Failed),
}

impl From<Failed> for Refused {
    fn from(fault: Failed) -> Self {
        Self::Failed(fault)
    }
}

impl From<Unverified> for Refused {
    fn from(fault: Unverified) -> Self {
        Self::Invalid(fault)
    }
}

fn findings(verify: &Verify) -> Result<Findings, Refused> {
    let whole = car::open(&verify.file)??;
    let mut checked = vec![
        "the framing and the hash of every block",
        "the commit's form",
        "every node of the tree: its form, the order and syntax of its keys, its layer",
        "that no node and no record is missing",
    ];
    let mut not_checked = vec!["whether a newer revision exists", "blobs: their bytes are not in a CAR"];
    let now = Clock::system().now();
    let keys: Vec<_> = verify.key.iter().map(|key| KeySpan { key: *key, until: None }).collect();
    let signer = Signer { did: verify.did.as_ref(), keys: &keys };
    let (whole, signed_by) = match &verify.key {
        Some(_) => {
            let snapshot = whole.authenticate(&signer, now).map_err(Unverified::from)?;
            checked.push("the signature, against the key you gave");
            let signed_by = match snapshot.signed_by() {
                SignedBy::Current(key) | SignedBy::Past { key, .. } => Some(*key),
            };
            (Whole::Signed(Box::new(snapshot)), signed_by)
        }
        None => {
            not_checked.insert(0, "the signature: give the account's key with --key did:key:…");
            if let Some(did) = verify.did.as_ref().filter(|did| **did != whole.commit().did) {
                let (expected, found) = (did.clone(), whole.commit().did.clone());
                return Err(Unverified::from(crate::repo::Fault::WrongDid { expected, found }).into());
            }
            (Whole::Unsigned(Box::new(whole)), None)
        }
    };
    match &verify.did {
        Some(_) => checked.push("whose it is"),
        None => not_checked.push("whose it is: the commit was taken at its word; give --did"),
    }
    let repo = described(whole.repo(), signed_by)?;
    Ok(Findings { text: in_words(&repo), repo, checked, not_checked })
}

enum Whole {
    Signed(Box<crate::repo::VerifiedSnapshot<'static>>),
    Unsigned(Box<WholeRepo<'static>>),
}

impl Whole {
    fn repo(&self) -> &WholeRepo<'static> {
        match self {
            Self::Signed(snapshot) => snapshot,
            Self::Unsigned(whole) => whole,
        }
    }
}

fn described(whole: &WholeRepo<'_>, signed_by: Option<PublicKey>) -> Result<Value, Failed> {
    let (mut odd, mut odd_at, mut blobs) = (0u64, None, std::collections::BTreeSet::new());
    let mut records = whole.records();
    let mut buffer = Vec::new();
    while let Some(record) = records.next_record().map_err(car::unreadable)? {
        let bytes = whole.block(&record.cid, &mut buffer).map_err(car::unreadable)?.unwrap_or_default();
        let scan = record::scan(bytes);
        if let Some(what) = scan.odd {
            odd += 1;
            odd_at.get_or_insert_with(|| format!("{}: {what}", record.path));
        }
        blobs.extend(scan.blobs.iter().map(|blob| blob.link.to_string()));
    }
    let (commit, counts) = (whole.commit(), whole.counts());
    Ok(json!({
        "did": commit.did.as_str(),
        "rev": commit.rev.to_string(),
        "commit": whole.commit_cid().to_string(),
        "data": commit.data.to_string(),
        "signedBy": signed_by.map(|key| key.to_string()),
        "records": counts.records,
        "nodes": counts.nodes,
        "bytes": counts.reached_bytes,
        "extraBlocks": counts.extra_blocks(),
        "blobs": blobs.len(),
        "oddRecords": odd,
        "firstOdd": odd_at,
    }))
}

fn in_words(repo: &Value) -> String {
    let mut text = String::new();
    let word = |name: &str| match &repo[name] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    for (label, name) in [
        ("repository of", "did"),
        ("revision", "rev"),
        ("commit", "commit"),
        ("tree", "data"),
        ("records", "records"),
        ("nodes", "nodes"),
        ("bytes", "bytes"),
        ("blobs named", "blobs"),
    ] {
        let _ = writeln!(text, "  {label:<14} {}", word(name));
    }
    if repo["extraBlocks"] != 0 {
        let _ =
            writeln!(text, "  {:<14} {} that the commit does not reach", "extra blocks", word("extraBlocks"));
    }
    if repo["oddRecords"] != 0 {
        let _ = writeln!(
            text,
            "  {:<14} {}, the first at {}",
            "odd records",
            word("oddRecords"),
            word("firstOdd")
        );
    }
    text
}

fn told(findings: Findings, Answer { json }: Answer) -> Result<(), Failed> {
    let Findings { repo, mut text, checked, not_checked } = findings;
    if json {
        return print_json(
            &json!({ "valid": true, "repo": repo, "checked": checked, "notChecked": not_checked }),
        );
    }
    text.insert_str(0, "valid, as far as was checked\n");
    for (title, list) in [("checked", checked), ("not checked", not_checked)] {
        let _ = writeln!(text, "{title}:");
        for item in list {
            let _ = writeln!(text, "  - {item}");
        }
    }
    print(text.as_bytes())
}

fn refused(file: &Path, fault: &Unverified, Answer { json }: Answer) -> Result<(), Failed> {
    if json {
        print_json(&json!({ "valid": false, "fault": fault.label(), "message": fault.to_string() }))?;
        return Err(Failed::Told);
    }
    Err(Failed::Work(anyhow::anyhow!("{} is invalid: {}: {fault}", file.display(), fault.label())))
}
