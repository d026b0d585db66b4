//! Batching: what the rows of a list need of another table is read with one statement, not one per row.
//!
//! A batch is complete when the resolvers can get no further without it. So it runs in the request's own task, after them:
//! in a task of its own another thread would begin it at once, with the keys of the first few rows.

use std::collections::HashMap;
use std::hash::Hash;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use async_graphql::dataloader::{DataLoader, NoCache};
use async_graphql::runtime::Timer;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, FuturesUnordered, StreamExt};
use futures_util::task::{FutureObj, Spawn, SpawnError};

type Waiting = Arc<Mutex<Vec<FutureObj<'static, ()>>>>;

tokio::task_local! {
    /// The batches that the resolvers of the running request have begun in this turn.
    static WAITING: Waiting;
}

struct AfterResolvers;

impl Spawn for AfterResolvers {
    fn spawn_obj(&self, batch: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        let mut batch = Some(batch);
        let put = |waiting: &Waiting| waiting.lock().unwrap_or_else(PoisonError::into_inner).extend(batch.take());
        // Outside of `run` nobody would look there.
        if WAITING.try_with(put).is_err() {
            tokio::spawn(batch.into_iter().collect::<FuturesUnordered<_>>().collect::<()>());
        }
        Ok(())
    }
}

struct NoDelay;

impl Timer for NoDelay {
    fn delay(&self, _usual: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// Made per request, so that what one viewer read is never another's.
/// Nothing is kept: a mutation's payload must show what the mutation left.
pub fn loader<L>(loader: L) -> DataLoader<L, NoCache> {
    DataLoader::new(loader, AfterResolvers, NoDelay)
}

/// Rows by their keys; those of one key stay in the order in which they came.
pub(crate) fn grouped<K: Hash + Eq, R>(rows: impl IntoIterator<Item = (K, R)>) -> HashMap<K, Vec<R>> {
    let mut groups: HashMap<K, Vec<R>> = HashMap::new();
    for (key, row) in rows {
        groups.entry(key).or_default().push(row);
    }
    groups
}

/// Runs a request's resolvers, and their batches.
pub async fn run<T>(resolvers: impl Future<Output = T>) -> T {
    let mut resolvers = pin!(resolvers);
    let mut batches = Batches::default();
    std::future::poll_fn(|cx| batches.poll(cx, |cx| resolvers.as_mut().poll(cx))).await
}

/// The same for the responses of a subscription.
pub fn run_stream<T: Send + 'static>(mut responses: BoxStream<'static, T>) -> BoxStream<'static, T> {
    let mut batches = Batches::default();
    stream::poll_fn(move |cx| batches.poll(cx, |cx| responses.poll_next_unpin(cx))).boxed()
}

/// Hands a waking on, and remembers it.
struct Woken {
    by: Waker,
    woken: AtomicBool,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.by.wake_by_ref();
    }
}

#[derive(Default)]
struct Batches {
    waiting: Waiting,
    running: FuturesUnordered<FutureObj<'static, ()>>,
}

impl Batches {
    fn poll<T>(&mut self, cx: &mut Context<'_>, mut resolvers: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        loop {
            let woken = Arc::new(Woken { by: cx.waker().clone(), woken: AtomicBool::new(false) });
            let waker = Waker::from(Arc::clone(&woken));
            let polled = WAITING.sync_scope(Arc::clone(&self.waiting), || resolvers(&mut Context::from_waker(&waker)));
            // Lists and objects of more than 30 pause half-way, and ask to be continued at once: their keys come then.
            if polled.is_ready() || woken.woken.load(Ordering::Acquire) {
                return polled;
            }
            self.running.extend(std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner)));
            let mut answered = false;
            while let Poll::Ready(Some(())) = self.running.poll_next_unpin(cx) {
                answered = true;
            }
            if !answered {
                return Poll::Pending;
            }
        }
    }
}
