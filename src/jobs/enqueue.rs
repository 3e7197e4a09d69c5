//! Asking for work, inside the transaction that made it necessary.
//!
//! Asking twice changes nothing the second time, except that a job which is
//! running at that moment is marked to run once more.

use super::{Request, rows};
use crate::clock::Moment;
use crate::ledger::Tx;

pub async fn enqueue(tx: &mut Tx, request: Request, now: Moment) -> sqlx::Result<()> {
    enqueue_all(tx, vec![request], now).await
}

/// Asks for many jobs in few statements. They are written in one order
/// everywhere, so two transactions that ask for the same jobs never wait for
/// each other in a circle.
pub async fn enqueue_all(tx: &mut Tx, mut requests: Vec<Request>, now: Moment) -> sqlx::Result<()> {
    requests.sort();
    requests.dedup_by(|later, kept| {
        let same = later.kind == kept.kind && later.subject == kept.subject;
        if same {
            kept.priority = kept.priority.max(later.priority);
            kept.due_at = kept.due_at.min(later.due_at);
        }
        same
    });
    if requests.is_empty() {
        return Ok(());
    }
    rows::insert(tx, &requests, now).await?;
    tx.made_work();
    Ok(())
}
