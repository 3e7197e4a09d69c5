//! The fear: a fault that was asked for and never happened, so that whatever
//! was said to survive it survived nothing.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{Act, Cut, Deed, Fault, Plan, Proxy, Storm, Until, Way};

/// Says back what it hears, and tells how each conversation went.
struct Echo {
    at: SocketAddr,
    heard: mpsc::Receiver<Heard>,
    _tasks: JoinSet<()>,
}

struct Heard {
    bytes: Vec<u8>,
    ended: Result<(), ErrorKind>,
}

impl Echo {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let (tell, heard) = mpsc::channel(1_000);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut conversations = JoinSet::new();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let tell = tell.clone();
                conversations.spawn(async move { tell.send(echo(socket).await).await });
            }
        });
        Self { at, heard, _tasks: tasks }
    }

    async fn heard(&mut self) -> Heard {
        tokio::time::timeout(Duration::from_secs(30), self.heard.recv()).await.unwrap().unwrap()
    }
}

async fn echo(mut socket: TcpStream) -> Heard {
    let mut bytes = Vec::new();
    let mut buffer = [0; 10_000];
    let ended = loop {
        let heard = match socket.read(&mut buffer).await {
            Ok(0) => break socket.shutdown().await,
            Ok(length) => &buffer[..length],
            Err(fault) => break Err(fault),
        };
        bytes.extend_from_slice(heard);
        if let Err(fault) = socket.write_all(heard).await {
            break Err(fault);
        }
    };
    Heard { bytes, ended: ended.map_err(|fault| fault.kind()) }
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

/// Says `words`, then listens to the end.
async fn converse(proxy: &Proxy, words: &[u8]) -> (Vec<u8>, Result<(), ErrorKind>) {
    let mut socket = TcpStream::connect(proxy.at()).await.unwrap();
    let mut answer = Vec::new();
    let (mut from, mut to) = socket.split();
    let say = async {
        to.write_all(words).await?;
        to.shutdown().await
    };
    let (_, ended) = tokio::join!(say, from.read_to_end(&mut answer));
    (answer, ended.map(|_| ()).map_err(|fault| fault.kind()))
}

async fn with(faults: Vec<Fault>) -> (Echo, Proxy) {
    let echo = Echo::start().await;
    let proxy = Proxy::to(echo.at, Plan::Always(faults));
    (echo, proxy)
}

/// Goes to and fro through a proxy that lets the second connection be: whatever
/// could have arrived on the first meanwhile has arrived.
async fn somebody_else_is_served(proxy: &Proxy) {
    let words = pattern(10_000);
    let (answer, ended) = converse(proxy, &words).await;
    assert_eq!((answer, ended), (words, Ok(())));
}

#[tokio::test]
async fn a_calm_proxy_alters_nothing_and_counts_every_byte() {
    let (mut echo, proxy) = with(vec![]).await;
    let words = pattern(3_000_000);
    let (answer, ended) = converse(&proxy, &words).await;
    assert!(answer == words && ended.is_ok());
    assert!(echo.heard().await.bytes == words);
    proxy.until_done(0, Act::Closed { up: 3_000_000, down: 3_000_000 }).await;
    assert!(!proxy.deeds().iter().any(|deed| deed.act.is_fault()), "{:?}", proxy.deeds());
}

#[tokio::test]
async fn a_flipped_byte_arrives_flipped_where_it_was_said_and_nowhere_else() {
    for (way, at) in [(Way::Up, 0), (Way::Down, 16_384), (Way::Up, 49_999)] {
        let (mut echo, proxy) = with(vec![Fault::Flip { way, at, mask: 0b1000_0001 }]).await;
        let words = pattern(50_000);
        let (answer, _) = converse(&proxy, &words).await;

        let mut flipped = words.clone();
        flipped[at as usize] ^= 0b1000_0001;
        assert!(answer == flipped, "{way:?} {at}");
        // On the way up the target must have seen it, on the way down not.
        assert!(echo.heard().await.bytes == if way == Way::Up { flipped } else { words.clone() });
        let (from, to) = (words[at as usize], words[at as usize] ^ 0b1000_0001);
        proxy.until_done(0, Act::Flipped { way, at, from, to }).await;
        assert_eq!(proxy.tally()["flipped"], 1);
    }
}

#[tokio::test]
async fn noise_is_told_byte_by_byte_and_falls_alike_in_every_run() {
    let words = pattern(20_000);
    let mut answers = Vec::new();
    for _ in 0..2 {
        let (_echo, proxy) = with(vec![Fault::Noise { way: Way::Down, one_in: 500 }]).await;
        let (answer, _) = converse(&proxy, &words).await;
        let mut restored = answer.clone();
        for deed in proxy.deeds() {
            if let Act::Flipped { at, from, to, .. } = deed.act {
                assert_eq!(restored[at as usize], to);
                restored[at as usize] = from;
            }
        }
        assert!(restored == words, "the record does not explain what arrived");
        assert!((10..100).contains(&proxy.tally()["flipped"]), "{:?}", proxy.tally());
        answers.push(answer);
    }
    assert!(answers[0] == answers[1]);
}

#[tokio::test]
async fn a_cut_at_the_end_lets_exactly_so_many_bytes_pass() {
    for (way, at) in [(Way::Down, 0), (Way::Down, 1), (Way::Up, 16_384), (Way::Down, 49_999)] {
        let (mut echo, proxy) = with(vec![Fault::Cut { way, at, how: Cut::Fin }]).await;
        let words = pattern(50_000);
        let (answer, ended) = converse(&proxy, &words).await;
        assert_eq!(ended, Ok(()));
        assert!(answer == words[..at as usize], "{way:?} {at}: {} bytes", answer.len());
        let heard = echo.heard().await;
        let expected = if way == Way::Up { at as usize } else { words.len() };
        assert!(heard.bytes == words[..expected] && heard.ended.is_ok());
        proxy.until_done(0, Act::CutByFin { way, at }).await;
    }
}

#[tokio::test]
async fn a_reset_reaches_both_ends_and_no_byte_goes_further() {
    for (way, at) in [(Way::Down, 30_000), (Way::Up, 0)] {
        let (mut echo, proxy) = with(vec![Fault::Cut { way, at, how: Cut::Rst }]).await;
        let mut socket = TcpStream::connect(proxy.at()).await.unwrap();
        let words = pattern(50_000);
        // Not shut down: only a reset can end this.
        let _ = socket.write_all(&words).await;
        let mut answer = Vec::new();
        let ended = socket.read_to_end(&mut answer).await.map_err(|fault| fault.kind());
        assert_eq!(ended, Err(ErrorKind::ConnectionReset));
        assert!(answer.len() <= at as usize && answer == words[..answer.len()]);
        assert_eq!(echo.heard().await.ended, Err(ErrorKind::ConnectionReset));
        proxy.until_done(0, Act::CutByRst { way, at }).await;
    }
}

#[tokio::test]
async fn a_stall_is_a_stall_until_it_is_released() {
    let echo = Echo::start().await;
    let stall = Fault::Stall { way: Way::Down, at: 100, until: Until::Released };
    let proxy = Proxy::to(echo.at, Plan::Script(vec![vec![stall]]));
    let mut socket = TcpStream::connect(proxy.at()).await.unwrap();
    socket.write_all(&pattern(300)).await.unwrap();
    let mut answer = vec![0; 100];
    socket.read_exact(&mut answer).await.unwrap();
    proxy.until_done(0, Act::Stalled { way: Way::Down, at: 100 }).await;

    for _ in 0..20 {
        somebody_else_is_served(&proxy).await;
        let more = socket.try_read(&mut [0; 1]).map_err(|fault| fault.kind());
        assert_eq!(more, Err(ErrorKind::WouldBlock));
    }
    assert_eq!(proxy.tally().get("resumed"), None);

    proxy.release(0);
    let mut rest = vec![0; 200];
    socket.read_exact(&mut rest).await.unwrap();
    answer.append(&mut rest);
    assert_eq!(answer, pattern(300));
    proxy.until_done(0, Act::Resumed { way: Way::Down, at: 100 }).await;
}

#[tokio::test]
async fn a_stall_with_an_end_ends_and_loses_nothing() {
    let (_echo, proxy) = with(vec![
        Fault::Stall { way: Way::Up, at: 0, until: Until::Ms(20) },
        Fault::Stall { way: Way::Up, at: 5_000, until: Until::Ms(20) },
    ])
    .await;
    let start = Instant::now();
    let (answer, ended) = converse(&proxy, &pattern(50_000)).await;
    assert!(start.elapsed() >= Duration::from_millis(40));
    assert!(answer == pattern(50_000) && ended.is_ok());
    let tally = proxy.tally();
    assert_eq!((tally["stalled"], tally["resumed"]), (2, 2));
}

#[tokio::test]
async fn a_trickle_takes_as_long_as_it_must() {
    let (_echo, proxy) = with(vec![Fault::Trickle { way: Way::Down, bytes: 10, every_ms: 3 }]).await;
    let start = Instant::now();
    let (answer, _) = converse(&proxy, &pattern(200)).await;
    assert!(start.elapsed() >= Duration::from_millis(57), "{:?}", start.elapsed());
    assert_eq!(answer, pattern(200));
    proxy.until_done(0, Act::Trickled { way: Way::Down, bytes: 10 }).await;
}

#[tokio::test]
async fn latency_is_paid_on_every_round_trip_and_keeps_the_order() {
    let delay = |way| Fault::Delay { way, ms: 10, jitter_ms: 5 };
    let (_echo, proxy) = with(vec![delay(Way::Up), delay(Way::Down)]).await;
    let mut socket = TcpStream::connect(proxy.at()).await.unwrap();
    let start = Instant::now();
    for n in 0..5 {
        socket.write_all(&[n]).await.unwrap();
        assert_eq!(socket.read_u8().await.unwrap(), n);
    }
    assert!(start.elapsed() >= Duration::from_millis(100), "{:?}", start.elapsed());
    drop(socket);

    let words = pattern(200_000);
    let (answer, _) = converse(&proxy, &words).await;
    assert!(answer == words);
    let delayed: Vec<_> = proxy.deeds().into_iter().filter(|deed| deed.act.label() == "delayed").collect();
    assert_eq!(delayed.len(), 4, "each way of each connection: {delayed:?}");
    assert!(delayed.iter().all(|deed| matches!(deed.act, Act::Delayed { ms: 10..=15, .. })), "{delayed:?}");
}

#[tokio::test]
async fn who_is_turned_away_never_reaches_the_target() {
    let mut echo = Echo::start().await;
    let proxy = Proxy::to(echo.at, Plan::Script(vec![vec![Fault::TurnAway], vec![]]));
    let mut socket = TcpStream::connect(proxy.at()).await.unwrap();
    let answer = socket.read(&mut [0; 1]).await.map_err(|fault| fault.kind());
    assert_eq!(answer, Err(ErrorKind::ConnectionReset));
    proxy.until_done(0, Act::TurnedAway).await;
    somebody_else_is_served(&proxy).await;
    assert_eq!(echo.heard().await.bytes, pattern(10_000), "the first to be heard is the second to come");
}

#[tokio::test]
async fn a_proxy_that_refuses_is_a_closed_port_until_it_admits_again() {
    let (_echo, proxy) = with(vec![]).await;
    let mut before = TcpStream::connect(proxy.at()).await.unwrap();
    proxy.until_done(0, Act::Accepted).await;
    proxy.refuse().await;
    for _ in 0..3 {
        let refused = TcpStream::connect(proxy.at()).await.map_err(|fault| fault.kind());
        assert_eq!(refused.unwrap_err(), ErrorKind::ConnectionRefused);
    }
    before.write_all(b"still here").await.unwrap();
    before.read_exact(&mut [0; 10]).await.unwrap();
    proxy.admit();
    somebody_else_is_served(&proxy).await;
}

#[tokio::test]
async fn a_half_open_connection_takes_words_and_gives_none() {
    let mut echo = Echo::start().await;
    let proxy = Proxy::to(echo.at, Plan::Script(vec![vec![Fault::HalfOpen { at: 5 }]]));
    let mut socket = TcpStream::connect(proxy.at()).await.unwrap();
    socket.write_all(b"hello, is anybody there?").await.unwrap();
    socket.read_exact(&mut [0; 5]).await.unwrap();
    proxy.until_done(0, Act::HalfOpened { at: 5 }).await;
    assert_eq!(echo.heard().await.ended, Err(ErrorKind::ConnectionReset), "the target is gone");

    for _ in 0..20 {
        socket.write_all(&pattern(10_000)).await.unwrap();
        somebody_else_is_served(&proxy).await;
        let more = socket.try_read(&mut [0; 1]).map_err(|fault| fault.kind());
        assert_eq!(more, Err(ErrorKind::WouldBlock));
    }
    // Nor is the goodbye answered.
    socket.shutdown().await.unwrap();
    somebody_else_is_served(&proxy).await;
    let more = socket.try_read(&mut [0; 1]).map_err(|fault| fault.kind());
    assert_eq!(more, Err(ErrorKind::WouldBlock));
}

#[tokio::test]
async fn a_target_that_is_down_is_told_apart_from_a_fault() {
    let nobody = Proxy::to("127.0.0.1:9".parse().unwrap(), Plan::calm());
    nobody.refuse().await;
    let proxy = Proxy::to(nobody.at(), Plan::calm());
    let mut socket = TcpStream::connect(proxy.at()).await.unwrap();
    assert!(socket.read(&mut [0; 1]).await.is_err());
    proxy.until_done(0, Act::Unreachable).await;
}

#[tokio::test]
async fn what_a_proxy_carries_ends_with_it() {
    let (mut echo, proxy) = with(vec![]).await;
    let mut socket = TcpStream::connect(proxy.at()).await.unwrap();
    proxy.until_done(0, Act::Accepted).await;
    let at = proxy.at();
    drop(proxy);
    let said = socket.read(&mut [0; 1]).await;
    assert!(matches!(said, Ok(0) | Err(_)), "{said:?}");
    echo.heard().await;
    let refused = TcpStream::connect(at).await.map_err(|fault| fault.kind());
    assert_eq!(refused.unwrap_err(), ErrorKind::ConnectionRefused);
}

/// What was done to each connection, without what time and chance decide.
async fn weather(seed: u64, connections: u64) -> BTreeSet<(u64, Act)> {
    let echo = Echo::start().await;
    let storm = Storm { seed, reach: 4_000, pause_ms_max: 10, spared_in_100: 10 };
    let proxy = Proxy::to(echo.at, Plan::Storm(storm));
    let mut clients = JoinSet::new();
    for connection in 0..connections {
        let mut socket = TcpStream::connect(proxy.at()).await.unwrap();
        proxy.until_done(connection, Act::Accepted).await;
        clients.spawn(async move {
            let (mut from, mut to) = socket.split();
            let say = async {
                let _ = to.write_all(&pattern(5_000)).await;
                let _ = to.shutdown().await;
            };
            let mut answer = Vec::new();
            let _ = tokio::join!(say, from.read_to_end(&mut answer));
        });
        let half_open = storm.faults(connection).iter().any(|fault| matches!(fault, Fault::HalfOpen { .. }));
        if half_open {
            // Its client would wait for ever.
            let opened =
                |deed: &Deed| matches!(deed.act, Act::HalfOpened { .. }) && deed.connection == connection;
            proxy.until(|deeds| deeds.iter().any(opened)).await;
        }
    }
    proxy
        .until(|deeds| {
            let over = |act| matches!(act, Act::Closed { .. } | Act::TurnedAway | Act::HalfOpened { .. });
            deeds.iter().filter(|deed| over(deed.act)).count() as u64 == connections
        })
        .await;
    let deeds = proxy.deeds().into_iter().filter(|deed| deed.act.is_fault());
    deeds.map(|deed| (deed.connection, deed.act)).collect()
}

#[tokio::test]
async fn one_seed_does_the_same_harm_twice() {
    let (first, second) = (weather(11, 120).await, weather(11, 120).await);
    assert_eq!(first, second);
    assert_ne!(first, weather(12, 120).await);
    let kinds: BTreeSet<_> = first.iter().map(|(_, act)| act.label()).collect();
    let every = [
        "turned_away",
        "delayed",
        "trickled",
        "cut_by_fin",
        "cut_by_rst",
        "stalled",
        "flipped",
        "half_opened",
    ];
    assert_eq!(kinds, BTreeSet::from(every));
}
