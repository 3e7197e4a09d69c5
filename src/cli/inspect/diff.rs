//! `counterpart inspect diff`: what happened between two copies.
//!
//! Compares trees, so only what differs is read. Which of the two is right, or
//! newer by anything but its own word, is not asked.

use std::path::Path;

use serde_json::json;

use crate::cli::{Answer, Failed, print, print_json};
use crate::repo::mst::diff::diff;

pub fn show(old: &Path, new: &Path, Answer { json }: Answer) -> Result<(), Failed> {
    let (before, after) = (super::whole(old)?, super::whole(new)?);
    if before.commit().did != after.commit().did {
        let fault = anyhow::anyhow!(
            "{} is of {}, {} of {}: two accounts cannot be compared",
            old.display(),
            before.commit().did,
            new.display(),
            after.commit().did
        );
        return Err(Failed::Work(fault));
    }
    let mut changes = Vec::new();
    let told = diff((before.commit().data, &before), (after.commit().data, &after), |change| {
        let path = String::from_utf8_lossy(change.key).into_owned();
        let action = match (change.before, change.after) {
            (None, _) => "create",
            (Some(_), Some(_)) => "update",
            (Some(_), None) => "delete",
        };
        changes.push((action, path, change.before, change.after));
    });
    told.map_err(|stuck| Failed::Work(anyhow::anyhow!("cannot compare: {stuck}")))?;
    if json {
        let changes: Vec<_> = changes
            .iter()
            .map(|(action, path, before, after)| {
                let (before, after) = (before.map(|cid| cid.to_string()), after.map(|cid| cid.to_string()));
                json!({ "action": action, "path": path, "before": before, "after": after })
            })
            .collect();
        return print_json(&json!({
            "did": after.commit().did.as_str(),
            "from": before.commit().rev.to_string(),
            "to": after.commit().rev.to_string(),
            "changes": changes,
        }));
    }
    let mut text = String::new();
    for (action, path, ..) in &changes {
        text.push_str(&format!("{action} {path}\n"));
    }
    let count = |wanted: &str| changes.iter().filter(|(action, ..)| *action == wanted).count();
    text.push_str(&format!(
        "{} created, {} updated, {} deleted, from revision {} to {}\n",
        count("create"),
        count("update"),
        count("delete"),
        before.commit().rev,
        after.commit().rev
    ));
    print(text.as_bytes())
}
