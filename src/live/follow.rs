//! Following a feed from a place in it.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Placed, Seat};
use crate::error::Result;

/// What one follower may see of a feed, in the database.
pub trait Source: Send + Sync {
    type Row: Placed;

    /// The first rows after `after`, up to and with `until`, in order. None left: an empty list.
    fn read(&self, after: i64, until: i64) -> impl Future<Output = Result<Vec<Self::Row>>> + Send;
}

/// A place in a feed, and the way on from it: each row once, in order.
pub struct Follower<S: Source> {
    source: S,
    seat: Seat<S::Row>,
    /// All up to here was given out.
    after: i64,
    /// What the database still has to be asked for ends here; later rows come to the seat.
    until: i64,
    ready: VecDeque<Arc<S::Row>>,
}

impl<S: Source> Follower<S> {
    /// The seat is that of all that the source has.
    pub fn new(source: S, seat: Seat<S::Row>, after: i64) -> Self {
        let until = seat.from();
        Self { source, seat, after, until, ready: VecDeque::new() }
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
            match self.seat.next().await {
                Some(row) if row.position() > self.after => {
                    self.after = row.position();
                    return Ok(row);
                }
                // Read from the database already.
                Some(_) => {}
                None => {
                    self.seat = self.seat.again();
                    self.until = self.seat.from();
                }
            }
        }
    }
}
