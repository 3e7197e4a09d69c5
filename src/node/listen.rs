//! The accept loop: who may connect, and how long they may take.
//!
//! Built on hyper itself because a server without a timer on the request head
//! can be held open for ever by callers who send one byte a minute. HTTP/1.1
//! only: PDSes and reverse proxies speak it, WebSockets need it, and the reading
//! of its first bytes is under the head's timeout like the rest.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::config::Admission;
use crate::limits;

/// Serves `router` until stopped; then lets answers under way be finished.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    admission: Admission,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let door = Arc::new(Door::new(admission));
    let mut connections = JoinSet::new();
    loop {
        let (socket, peer) = tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(fault) => {
                    // Out of file descriptors, mostly: wait for some to come back.
                    tracing::warn!("cannot accept a connection: {fault}");
                    tokio::time::sleep(Duration::from_millis(limits::ACCEPT_PAUSE_MS)).await;
                    continue;
                }
            },
        };
        let Some(place) = Door::enter(&door, peer.ip()) else {
            // Closed without a word: whoever is over the cap would not read it.
            metrics::counter!("counterpart_connections_refused_total").increment(1);
            continue;
        };
        connections.spawn(converse(socket, peer, router.clone(), place, stop.clone()));
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
    Ok(())
}

async fn converse(
    socket: TcpStream,
    peer: SocketAddr,
    router: Router,
    place: Place,
    stop: CancellationToken,
) {
    // Answers are small and awaited: do not hold them back for company.
    let _ = socket.set_nodelay(true);
    let service = tower::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(limits::HEAD_READ_MS_MAX))
        .max_buf_size(limits::HEAD_BYTES_MAX)
        .max_headers(limits::HEADERS_MAX)
        .serve_connection(TokioIo::new(socket), TowerToHyperService::new(service))
        .with_upgrades();
    tokio::pin!(connection);
    tokio::select! {
        // What goes wrong here is between the caller and the wire.
        _ = connection.as_mut() => {}
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
    drop(place);
}

/// Counts who is inside.
struct Door {
    admission: Admission,
    inside: Mutex<Inside>,
}

#[derive(Default)]
struct Inside {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A place inside, given back when dropped.
struct Place {
    door: Arc<Door>,
    address: Option<IpAddr>,
}

impl Door {
    fn new(admission: Admission) -> Self {
        Self { admission, inside: Mutex::default() }
    }

    fn enter(door: &Arc<Self>, ip: IpAddr) -> Option<Place> {
        let address = counted_as(ip);
        let mut inside = door.inside.lock().unwrap_or_else(PoisonError::into_inner);
        if inside.all >= door.admission.connections_max {
            return None;
        }
        if let Some(address) = address {
            let here = inside.by_address.entry(address).or_default();
            if *here >= door.admission.per_address_max {
                return None;
            }
            *here += 1;
        }
        inside.all += 1;
        metrics::gauge!("counterpart_connections").set(inside.all as f64);
        Some(Place { door: Arc::clone(door), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inside = self.door.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.all -= 1;
        metrics::gauge!("counterpart_connections").set(inside.all as f64);
        let Some(address) = self.address else { return };
        if let Some(here) = inside.by_address.get_mut(&address) {
            *here -= 1;
            if *here == 0 {
                inside.by_address.remove(&address);
            }
        }
    }
}

/// Whom a caller is counted as. One household has a /64 of IPv6; loopback is
/// where a reverse proxy calls from, on behalf of everybody.
fn counted_as(ip: IpAddr) -> Option<IpAddr> {
    match ip.to_canonical() {
        ip if ip.is_loopback() => None,
        IpAddr::V4(ip) => Some(IpAddr::V4(ip)),
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            Some(IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(connections_max: usize, per_address_max: usize) -> Arc<Door> {
        Arc::new(Door::new(Admission { connections_max, per_address_max }))
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_address_has_only_so_many_places_and_gets_them_back() {
        let door = door(100, 2);
        let first = Door::enter(&door, ip("192.0.2.1")).unwrap();
        let _second = Door::enter(&door, ip("::ffff:192.0.2.1")).unwrap();
        assert!(Door::enter(&door, ip("192.0.2.1")).is_none());
        let _other = Door::enter(&door, ip("192.0.2.2")).unwrap();
        drop(first);
        assert!(Door::enter(&door, ip("192.0.2.1")).is_some());
    }

    #[test]
    fn a_household_of_ipv6_addresses_is_one_address() {
        let door = door(100, 1);
        let _first = Door::enter(&door, ip("2001:db8:1:2::1")).unwrap();
        assert!(Door::enter(&door, ip("2001:db8:1:2:ffff::2")).is_none());
        assert!(Door::enter(&door, ip("2001:db8:1:3::1")).is_some());
    }

    #[test]
    fn a_reverse_proxy_is_bound_by_the_whole_alone() {
        let door = door(3, 1);
        let places: Vec<_> = (0..3).filter_map(|_| Door::enter(&door, ip("127.0.0.1"))).collect();
        assert_eq!(places.len(), 3);
        assert!(Door::enter(&door, ip("192.0.2.1")).is_none(), "the house is full");
        drop(places);
        assert!(Door::enter(&door, ip("192.0.2.1")).is_some());
        assert!(door.inside.lock().unwrap().by_address.is_empty());
    }
}
