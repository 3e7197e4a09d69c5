//! A TCP proxy that does harm: between a client and a loopback target, with
//! faults that a script or a seed chooses, and a record of what it really did.
//!
//! It knows bytes and sockets only: no HTTP, no WebSocket, no frame. Pauses are
//! real time, because sockets live in it; a test waits for deeds, not for the
//! clock. Everything ends when the proxy is dropped.

mod connection;
mod faults_happen;
mod line;
mod record;
mod script;
mod seeds;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

pub use record::{Act, Deed};
pub use script::{Cut, Fault, Plan, Storm, Until, Way};

use record::Record;

/// At more the proxy breaks down: no test means to have so many.
const CONNECTIONS_MAX: usize = 1_000;
const BACKLOG: u32 = 1_024;

pub struct Proxy {
    at: SocketAddr,
    shared: Arc<Shared>,
    /// Keeps the port ours while nobody listens on it. It never listens.
    _holder: TcpSocket,
    door: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    target: SocketAddr,
    plan: Plan,
    record: Record,
    released: watch::Sender<Vec<u64>>,
    connections: Mutex<JoinSet<()>>,
    next: Mutex<u64>,
}

impl Proxy {
    /// Listens on a port of its own and carries everything to `target`.
    pub fn to(target: SocketAddr, plan: Plan) -> Self {
        let (holder, at) = reserve().expect("a port on loopback");
        let shared = Arc::new(Shared {
            target,
            plan,
            record: Record::new(),
            released: watch::Sender::new(Vec::new()),
            connections: Mutex::default(),
            next: Mutex::new(0),
        });
        let proxy = Self { at, shared, _holder: holder, door: Mutex::new(None) };
        proxy.admit();
        proxy
    }

    pub fn at(&self) -> SocketAddr {
        self.at
    }

    /// From now on nobody listens: whoever connects is refused. Connections
    /// that were made stay.
    pub async fn refuse(&self) {
        let door = self.door().take();
        if let Some(door) = door {
            door.abort();
            let _ = door.await;
        }
    }

    /// Listens again.
    pub fn admit(&self) {
        let mut door = self.door();
        if door.is_none() {
            let listener = listen(self.at).expect("the port has been kept");
            *door = Some(tokio::spawn(Shared::accept(Arc::clone(&self.shared), listener)));
        }
    }

    /// Ends every stall of this connection, now and later.
    pub fn release(&self, connection: u64) {
        self.shared.released.send_modify(|released| released.push(connection));
    }

    pub fn deeds(&self) -> Vec<Deed> {
        self.shared.record.deeds()
    }

    /// How often each thing happened, by its label.
    pub fn tally(&self) -> BTreeMap<&'static str, usize> {
        self.shared.record.tally()
    }

    /// Waits until the deeds are as the test wants them.
    pub async fn until(&self, wanted: impl FnMut(&[Deed]) -> bool) -> Vec<Deed> {
        self.shared.record.until(wanted).await
    }

    /// Waits until this was done to this connection.
    pub async fn until_done(&self, connection: u64, act: Act) {
        self.until(|deeds| deeds.contains(&Deed { connection, act })).await;
    }

    fn door(&self) -> std::sync::MutexGuard<'_, Option<JoinHandle<()>>> {
        self.door.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(door) = self.door().take() {
            door.abort();
        }
        self.shared.connections.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}

impl Shared {
    async fn accept(shared: Arc<Self>, listener: TcpListener) {
        loop {
            let Ok((client, _)) = listener.accept().await else { continue };
            let mut connections = shared.connections.lock().unwrap_or_else(PoisonError::into_inner);
            while connections.try_join_next().is_some() {}
            assert!(connections.len() < CONNECTIONS_MAX, "{CONNECTIONS_MAX} connections at once");
            let mut next = shared.next.lock().unwrap_or_else(PoisonError::into_inner);
            connections.spawn(connection::carry(Arc::clone(&shared), *next, client));
            *next += 1;
        }
    }
}

/// A port that is ours and on which nobody listens: connecting to it is refused.
fn reserve() -> io::Result<(TcpSocket, SocketAddr)> {
    let holder = shared_socket(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let at = holder.local_addr()?;
    Ok((holder, at))
}

fn listen(at: SocketAddr) -> io::Result<TcpListener> {
    shared_socket(at)?.listen(BACKLOG)
}

// Two sockets of one user may hold one port if both say so; the kernel gives
// connections to the one that listens.
fn shared_socket(at: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseport(true)?;
    socket.bind(at)?;
    Ok(socket)
}
