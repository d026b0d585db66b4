//! Who follows what on this node.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::{FeedRow, Topic};
use crate::error::Result;

/// Rows that the reader reads at once.
pub const BATCH: u64 = 500;

#[derive(Debug)]
pub struct Hub<T> {
    state: Mutex<HubState<T>>,
    /// One reader at a time.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct HubState<T> {
    /// Every row up to here was published to whoever listened by then.
    position: i64,
    /// Without any nobody follows, and nothing is read.
    topics: HashMap<Topic, broadcast::Sender<Arc<T>>>,
}

impl<T> Default for Hub<T> {
    fn default() -> Self {
        let state = HubState { position: 0, topics: HashMap::new() };
        Self { state: Mutex::new(state), reading: tokio::sync::Mutex::new(()) }
    }
}

impl<T> Hub<T> {
    fn state(&self) -> MutexGuard<'_, HubState<T>> {
        // Nothing in here is half-done when it panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: FeedRow> Hub<T> {
    /// Listens from now on. `newest` is the newest position there is, read before: the first listener does not get the
    /// past.
    pub fn listen(self: &Arc<Self>, topic: Topic, newest: i64) -> Listener<T> {
        let mut state = self.state();
        if state.topics.is_empty() {
            state.position = state.position.max(newest);
        }
        let sender = state.topics.entry(topic).or_insert_with(|| broadcast::Sender::new(topic.capacity()));
        let receiver = Some(sender.subscribe());
        Listener { hub: Arc::clone(self), topic, from: state.position, receiver }
    }

    /// Reads what has got its position since, and publishes it. `read` gives at most [`BATCH`] rows after a position,
    /// in order.
    pub async fn publish<F>(&self, read: impl Fn(i64) -> F) -> Result<()>
    where
        F: Future<Output = Result<Vec<T>>>,
    {
        let _turn = self.reading.lock().await;
        while let Some(after) = self.position() {
            let rows = read(after).await?;
            if rows.is_empty() {
                break;
            }
            self.publish_all(rows);
        }
        Ok(())
    }

    /// None: nobody follows.
    fn position(&self) -> Option<i64> {
        let state = self.state();
        (!state.topics.is_empty()).then_some(state.position)
    }

    fn publish_all(&self, rows: Vec<T>) {
        let mut state = self.state();
        for row in rows {
            // All may have gone, and somebody else come, while the row was read.
            if row.position() <= state.position {
                continue;
            }
            state.position = row.position();
            let row = Arc::new(row);
            for topic in row.topics() {
                if let Some(sender) = state.topics.get(&topic) {
                    // Its followers may just be leaving.
                    drop(sender.send(Arc::clone(&row)));
                }
            }
        }
    }
}

/// Receives every row of its topic after `from`. Dropping it leaves.
#[derive(Debug)]
pub struct Listener<T> {
    hub: Arc<Hub<T>>,
    topic: Topic,
    from: i64,
    /// None: while it leaves.
    receiver: Option<broadcast::Receiver<Arc<T>>>,
}

impl<T: FeedRow> Listener<T> {
    #[must_use]
    pub fn from(&self) -> i64 {
        self.from
    }

    /// The same topic, from now on.
    pub(super) fn again(&self) -> Self {
        // The hub reads as long as this one listens: no need to know how new the newest is.
        self.hub.listen(self.topic, 0)
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

impl<T> Drop for Listener<T> {
    fn drop(&mut self) {
        let mut state = self.hub.state();
        // Within the lock, so that of two who leave at once the second sees that it is the last.
        self.receiver = None;
        if state.topics.get(&self.topic).is_some_and(|sender| sender.receiver_count() == 0) {
            state.topics.remove(&self.topic);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[derive(Debug)]
    struct Row(i64);

    impl FeedRow for Row {
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
        hub.publish(read).await.expect("nothing to do");
        drop((hub.listen(Topic::Everything, 7), hub.listen(Topic::Everything, 7)));
        hub.publish(read).await.expect("nothing to do");
    }

    #[tokio::test]
    async fn a_listener_gets_each_row_after_it_began_once() {
        let hub: Arc<Hub<Row>> = Arc::default();
        let read = |after: i64| async move { Ok((after + 1..=after.max(9)).map(Row).collect()) };
        let mut first = hub.listen(Topic::Everything, 5);
        assert_eq!(first.from(), 5);
        hub.publish(read).await.expect("publishes");
        let mut second = hub.listen(Topic::Everything, 11);
        assert_eq!(second.from(), 9, "the hub was reading: what is newer is published");
        hub.publish_all(vec![Row(9), Row(10)]);
        for position in 6..=10 {
            assert_eq!(first.next().await.map(|row| row.0), Some(position));
        }
        assert_eq!(second.next().await.map(|row| row.0), Some(10));
    }

    #[tokio::test]
    async fn a_listener_that_missed_rows_says_so() {
        let hub: Arc<Hub<Row>> = Arc::default();
        let mut listener = hub.listen(Topic::Everything, 0);
        hub.publish_all((1..=10_000).map(Row).collect());
        assert!(listener.next().await.is_none());
        assert_eq!(listener.again().from(), 10_000);
    }
}
