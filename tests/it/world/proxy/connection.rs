//! One connection: dialled on, carried both ways, and ended as its faults say.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::Shared;
use super::line::{Broken, Line};
use super::record::Act;
use super::script::{Fault, Way};

pub async fn carry(shared: Arc<Shared>, number: u64, client: TcpStream) {
    let note = |act| shared.record.write(number, act);
    let faults = shared.plan.faults(number);
    note(Act::Accepted);
    if faults.contains(&Fault::TurnAway) {
        reset(client);
        note(Act::TurnedAway);
        return;
    }
    let Ok(target) = TcpStream::connect(shared.target).await else {
        reset(client);
        note(Act::Unreachable);
        return;
    };
    let passed = [AtomicU64::new(0), AtomicU64::new(0)];
    let (mut client, mut target) = (client, target);
    let ended = both_ways(&shared, number, &faults, (&mut client, &mut target), &passed).await;
    match ended {
        Ok(()) => {}
        Err(Broken::ByItself) => {
            reset(client);
            reset(target);
        }
        Err(Broken::Reset(act)) => {
            reset(client);
            reset(target);
            note(act);
        }
        Err(Broken::HalfOpen(act)) => {
            reset(target);
            note(act);
            swallow(client).await
        }
    }
    let [up, down] = passed.map(AtomicU64::into_inner);
    note(Act::Closed { up, down });
}

async fn both_ways(
    shared: &Shared,
    number: u64,
    faults: &[Fault],
    (client, target): (&mut TcpStream, &mut TcpStream),
    [up_passed, down_passed]: &[AtomicU64; 2],
) -> Result<(), Broken> {
    let _ = client.set_nodelay(true);
    let _ = target.set_nodelay(true);
    let line = |way| {
        let dice = shared.plan.dice(number, way);
        Line::new(way, number, faults, dice, &shared.record, shared.released.subscribe())
    };
    // Borrowed halves: dropping them says nothing to the other end.
    let (from_client, to_client) = client.split();
    let (from_target, to_target) = target.split();
    let up = line(Way::Up).carry(from_client, to_target, up_passed);
    let down = line(Way::Down).carry(from_target, to_client, down_passed);
    tokio::try_join!(up, down).map(|_| ())
}

fn reset(socket: TcpStream) {
    // A socket that is gone already needs no reset.
    let _ = socket.set_zero_linger();
    drop(socket);
}

/// Takes what the client says to a target that is no more. Even its goodbye is
/// not answered, so this lasts as long as the proxy.
async fn swallow(mut client: TcpStream) -> ! {
    let mut buffer = [0; 4096];
    while client.read(&mut buffer).await.is_ok_and(|length| length > 0) {}
    std::future::pending().await
}
