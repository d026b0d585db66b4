//! Who follows what on this node.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::{Placed, Topic};
use crate::error::Result;

/// Rows that the reader reads at once.
pub const BATCH: u64 = 500;

#[derive(Debug)]
pub struct Hub<T> {
    told: Mutex<Told<T>>,
    /// One reader at a time.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Told<T> {
    /// Every row up to here was told to whoever had a seat by then.
    position: i64,
    /// Without any nobody follows, and nothing is read.
    topics: HashMap<Topic, broadcast::Sender<Arc<T>>>,
}

impl<T> Default for Hub<T> {
    fn default() -> Self {
        let told = Told { position: 0, topics: HashMap::new() };
        Self { told: Mutex::new(told), reading: tokio::sync::Mutex::new(()) }
    }
}

impl<T> Hub<T> {
    fn told(&self) -> MutexGuard<'_, Told<T>> {
        // Nothing in here is half-done when it panics.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Placed> Hub<T> {
    /// Takes a seat. `newest` is the newest place there is, read before: the first follower does not hear of the past.
    pub fn join(self: &Arc<Self>, topic: Topic, newest: i64) -> Seat<T> {
        let mut told = self.told();
        if told.topics.is_empty() {
            told.position = told.position.max(newest);
        }
        let sender = told.topics.entry(topic).or_insert_with(|| broadcast::Sender::new(topic.capacity()));
        let receiver = Some(sender.subscribe());
        Seat { hub: Arc::clone(self), topic, from: told.position, receiver }
    }

    /// Reads what has been placed since, and tells it. `read` gives at most [`BATCH`] rows after a place, in order.
    pub async fn tell<F>(&self, read: impl Fn(i64) -> F) -> Result<()>
    where
        F: Future<Output = Result<Vec<T>>>,
    {
        let _turn = self.reading.lock().await;
        while let Some(after) = self.position() {
            let rows = read(after).await?;
            if rows.is_empty() {
                break;
            }
            self.tell_all(rows);
        }
        Ok(())
    }

    /// None: nobody follows.
    fn position(&self) -> Option<i64> {
        let told = self.told();
        (!told.topics.is_empty()).then_some(told.position)
    }

    fn tell_all(&self, rows: Vec<T>) {
        let mut told = self.told();
        for row in rows {
            // All may have gone, and somebody else come, while the row was read.
            if row.position() <= told.position {
                continue;
            }
            told.position = row.position();
            let row = Arc::new(row);
            for topic in row.topics() {
                if let Some(sender) = told.topics.get(&topic) {
                    // Its followers may just be leaving.
                    drop(sender.send(Arc::clone(&row)));
                }
            }
        }
    }
}

/// A follower's seat: it hears every row of its topic after `from`. Dropping it leaves.
#[derive(Debug)]
pub struct Seat<T> {
    hub: Arc<Hub<T>>,
    topic: Topic,
    from: i64,
    /// None: while it leaves.
    receiver: Option<broadcast::Receiver<Arc<T>>>,
}

impl<T: Placed> Seat<T> {
    #[must_use]
    pub fn from(&self) -> i64 {
        self.from
    }

    /// The same topic, from now on.
    pub(super) fn again(&self) -> Self {
        // Awake as long as this seat is taken: no need to know how new the newest is.
        self.hub.join(self.topic, 0)
    }

    /// The next row; None if some were missed.
    pub async fn next(&mut self) -> Option<Arc<T>> {
        self.receiver.as_mut()?.recv().await.ok()
    }

    /// Waits until there is something new, and forgets all of it.
    pub async fn anything(&mut self) {
        let Some(receiver) = &mut self.receiver else { return };
        match receiver.recv().await {
            Ok(_) | Err(RecvError::Lagged(_)) => *receiver = receiver.resubscribe(),
            Err(RecvError::Closed) => {}
        }
    }
}

impl<T> Drop for Seat<T> {
    fn drop(&mut self) {
        let mut told = self.hub.told();
        // Within the lock, so that of two who leave at once the second sees that it is the last.
        self.receiver = None;
        if told.topics.get(&self.topic).is_some_and(|sender| sender.receiver_count() == 0) {
            told.topics.remove(&self.topic);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[derive(Debug)]
    struct Row(i64);

    impl Placed for Row {
        fn position(&self) -> i64 {
            self.0
        }

        fn topics(&self) -> Vec<Topic> {
            vec![Topic::Everything]
        }
    }

    #[tokio::test]
    async fn where_nobody_follows_nothing_is_read() {
        let hub: Arc<Hub<Row>> = Arc::default();
        let read = |_after: i64| async { Err(Error::internal("is read")) };
        hub.tell(read).await.expect("nothing to do");
        drop((hub.join(Topic::Everything, 7), hub.join(Topic::Everything, 7)));
        hub.tell(read).await.expect("nothing to do");
    }

    #[tokio::test]
    async fn a_seat_hears_each_row_after_it_was_taken_once() {
        let hub: Arc<Hub<Row>> = Arc::default();
        let read = |after: i64| async move { Ok((after + 1..=after.max(9)).map(Row).collect()) };
        let mut first = hub.join(Topic::Everything, 5);
        assert_eq!(first.from(), 5);
        hub.tell(read).await.expect("tells");
        let mut second = hub.join(Topic::Everything, 11);
        assert_eq!(second.from(), 9, "it was awake: what is newer is told");
        hub.tell_all(vec![Row(9), Row(10)]);
        for position in 6..=10 {
            assert_eq!(first.next().await.map(|row| row.0), Some(position));
        }
        assert_eq!(second.next().await.map(|row| row.0), Some(10));
    }

    #[tokio::test]
    async fn a_seat_that_missed_rows_says_so() {
        let hub: Arc<Hub<Row>> = Arc::default();
        let mut seat = hub.join(Topic::Everything, 0);
        hub.tell_all((1..=10_000).map(Row).collect());
        assert!(seat.next().await.is_none());
        assert_eq!(seat.again().from(), 10_000);
    }
}
