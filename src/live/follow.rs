//! Following a feed from a position in it.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{FeedRow, Listener};
use crate::error::Result;

/// What one follower may see of a feed, in the database.
pub trait Source: Send + Sync {
    type Row: FeedRow;

    /// The first rows after `after`, up to and with `until`, in order. None left: an empty list.
    fn read(&self, after: i64, until: i64) -> impl Future<Output = Result<Vec<Self::Row>>> + Send;
}

/// A position in a feed, and the way on from it: each row once, in order.
pub struct Follower<S: Source> {
    source: S,
    listener: Listener<S::Row>,
    /// All up to here was given out.
    after: i64,
    /// What the database still has to be asked for ends here; later rows come to the listener.
    until: i64,
    ready: VecDeque<Arc<S::Row>>,
}

impl<S: Source> Follower<S> {
    /// The listener is one of all that the source has.
    pub fn new(source: S, listener: Listener<S::Row>, after: i64) -> Self {
        let until = listener.from();
        Self { source, listener, after, until, ready: VecDeque::new() }
    }

    /// Waits for the next row. If it fails, the next call tries again.
    pub async fn next(&mut self) -> Result<Arc<S::Row>> {
        loop {
            if let Some(row) = self.ready.pop_front() {
                self.after = row.position();
                return Ok(row);
            }
            if self.after < self.until {
                self.ready = self.source.read(self.after, self.until).await?.into_iter().map(Arc::new).collect();
                if self.ready.is_empty() {
                    self.after = self.until;
                }
                continue;
            }
            match self.listener.next().await {
                Some(row) if row.position() > self.after => {
                    self.after = row.position();
                    return Ok(row);
                }
                // Read from the database already.
                Some(_) => {}
                None => {
                    self.listener = self.listener.again();
                    self.until = self.listener.from();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::RangeInclusive;

    use super::super::{Hub, Topic};
    use super::*;

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

    /// A database with every row.
    struct Rows;

    impl Source for Rows {
        type Row = Row;

        async fn read(&self, after: i64, until: i64) -> Result<Vec<Row>> {
            Ok((after + 1..=until).take(100).map(Row).collect())
        }
    }

    async fn publish(hub: &Hub<Row>, newest: i64) {
        let read = |after: i64| async move { Ok((after + 1..=newest).take(500).map(Row).collect()) };
        hub.publish(read).await.expect("publishes");
    }

    async fn expect(follower: &mut Follower<Rows>, rows: RangeInclusive<i64>) {
        for position in rows {
            assert_eq!(follower.next().await.expect("a row").0, position);
        }
    }

    #[tokio::test]
    async fn a_follower_gets_each_row_once_however_late_or_slow_it_is() {
        let hub: Arc<Hub<Row>> = Arc::default();
        let mut early = Follower::new(Rows, hub.listen(Topic::Everything, 3), 0);
        // The hub has not published rows 4 and 5 yet, which this one has seen on another node.
        let mut ahead = Follower::new(Rows, hub.listen(Topic::Everything, 5), 5);
        publish(&hub, 7).await;
        let mut late = Follower::new(Rows, hub.listen(Topic::Everything, 7), 2);
        expect(&mut early, 1..=7).await;
        expect(&mut ahead, 6..=7).await;
        // More than wait for anyone.
        publish(&hub, 3_000).await;
        expect(&mut early, 8..=3_000).await;
        expect(&mut ahead, 8..=2_000).await;
        expect(&mut late, 3..=100).await;
        publish(&hub, 3_001).await;
        expect(&mut early, 3_001..=3_001).await;
        expect(&mut ahead, 2_001..=3_001).await;
        expect(&mut late, 101..=3_001).await;
    }
}
