//! The rescuer: jobs whose process died or got stuck are taken away from it.
//!
//! What to do with each is a pure rule; this is the dull loop's one step. Any
//! node may run it at any time: the fence makes a second rescue change nothing.

use super::rules::{self, Rescue};
use super::{holder, rows, settle};
use crate::clock::Moment;
use crate::crash;
use crate::ledger::Ledger;

/// What one sweep did.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Swept {
    pub released: u64,
    pub buried: u64,
}

pub async fn sweep(ledger: &Ledger, now: Moment) -> Result<Swept, settle::SettleFault> {
    let mut swept = Swept::default();
    let mut tx = ledger.begin().await?;
    for (lease, running) in rows::suspects(&mut tx, now).await? {
        match rules::rescue(running, now) {
            Rescue::Leave => {}
            Rescue::Release => swept.released += rows::release(&mut tx, &lease, now).await?,
            Rescue::Bury => {
                let reason = format!("{} processes died while holding it", lease.rescues + 1);
                match settle::bury(&mut tx, &lease, &reason, now).await {
                    Ok(()) => swept.buried += 1,
                    // Its holder was alive after all and settled it just now.
                    Err(settle::SettleFault::Lost { .. }) => {}
                    Err(fault) => return Err(fault),
                }
            }
        }
    }
    holder::rows::forget_dead(&mut tx, now).await?;
    if swept != Swept::default() {
        tx.made_work();
    }
    crash::point("rescue.before_save");
    tx.save().await?;
    Ok(swept)
}
