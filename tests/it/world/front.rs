//! The front of every server in the world: listens on loopback, remembers what
//! it was asked, and refuses when it was told to.
//!
//! What is asked and how it is answered is the business of whoever stands
//! behind it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Far more than a test asks for: a loop that cannot stop is told, not counted.
const REQUESTS_MAX: usize = 1_000_000;

pub struct Front {
    at: SocketAddr,
    book: Arc<Mutex<Book>>,
    _serving: JoinSet<()>,
}

#[derive(Default)]
struct Book {
    asked: Vec<String>,
    refusals: Vec<Refusal>,
}

/// So many requests whose path and query contain `part` are answered `status`.
struct Refusal {
    part: String,
    times: u32,
    status: StatusCode,
}

/// A socket of its own on loopback, before anybody stands behind it.
pub async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let at = listener.local_addr().unwrap();
    (listener, at)
}

impl Front {
    pub fn open(listener: TcpListener, router: Router) -> Self {
        let at = listener.local_addr().unwrap();
        let book = Arc::default();
        let router = router.layer(middleware::from_fn_with_state(Arc::clone(&book), pass));
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { at, book, _serving: serving }
    }

    pub fn at(&self) -> SocketAddr {
        self.at
    }

    /// How many requests had this in their path and query.
    pub fn asked(&self, part: &str) -> usize {
        locked(&self.book).asked.iter().filter(|path| path.contains(part)).count()
    }

    /// Answers the next so many requests with this in their path and query by
    /// a bare status.
    pub fn refuse(&self, part: &str, times: u32, status: StatusCode) {
        locked(&self.book).refusals.push(Refusal { part: part.to_owned(), times, status });
    }
}

impl Book {
    fn enter(&mut self, path: String) -> Option<StatusCode> {
        assert!(self.asked.len() < REQUESTS_MAX, "{REQUESTS_MAX} requests");
        let refusal =
            self.refusals.iter_mut().find(|refusal| refusal.times > 0 && path.contains(&refusal.part));
        self.asked.push(path);
        let refusal = refusal?;
        refusal.times -= 1;
        Some(refusal.status)
    }
}

async fn pass(State(book): State<Arc<Mutex<Book>>>, request: Request, next: Next) -> Response {
    let path = request.uri().path_and_query().map_or_else(String::new, ToString::to_string);
    let refused = locked(&book).enter(path);
    match refused {
        Some(status) => status.into_response(),
        None => next.run(request).await,
    }
}

// What is kept is whole after every step.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
