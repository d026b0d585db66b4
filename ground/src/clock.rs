//! The only source of time and of ids.
//!
//! Two clocks. *Business time* decides deadlines and when jobs are due; the sandbox can move it, forward only.
//! *Wall time* decides signatures, leases, rate limits and sessions; only tests move it.
//! Both are cut to microseconds, because PostgreSQL keeps no more and a value must compare equal after it was stored.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DurationRound, TimeDelta, Utc};
use entity::Time;
use tokio::sync::watch;
use uuid::Uuid;

const LOOK_AT_WALL_EVERY: Duration = Duration::from_secs(30);

#[derive(Clone, Debug, Default)]
pub struct Clock {
    offsets: Arc<Offsets>,
}

#[derive(Debug, Default)]
struct Offsets {
    business_micros: AtomicI64,
    wall_micros: AtomicI64,
    /// Tells those who wait for a wall time that it was set.
    wall_set: watch::Sender<()>,
}

impl Clock {
    /// Business time.
    #[must_use]
    pub fn now(&self) -> Time {
        real_time() + TimeDelta::microseconds(self.offsets.business_micros.load(Ordering::SeqCst))
    }

    /// Wall time.
    #[must_use]
    pub fn wall(&self) -> Time {
        real_time() + TimeDelta::microseconds(self.offsets.wall_micros.load(Ordering::SeqCst))
    }

    /// Moves business time forward; a negative step is ignored.
    pub fn advance(&self, by: TimeDelta) {
        let step = by.num_microseconds().unwrap_or(0).max(0);
        self.offsets.business_micros.fetch_add(step, Ordering::SeqCst);
    }

    /// Moves business time forward so that it is at least this far ahead of the real one.
    pub fn be_ahead(&self, micros: i64) {
        self.offsets.business_micros.fetch_max(micros, Ordering::SeqCst);
    }

    /// How far ahead business time is, in microseconds, if it is `moment` now.
    #[must_use]
    pub fn ahead_at(&self, moment: Time) -> i64 {
        (moment - real_time()).num_microseconds().unwrap_or(0)
    }

    /// For tests of signatures and sessions only: sets wall time off by `offset`.
    pub fn shift_wall(&self, offset: TimeDelta) {
        self.offsets.wall_micros.store(offset.num_microseconds().unwrap_or(0), Ordering::SeqCst);
        self.offsets.wall_set.send_replace(());
    }

    /// Returns when it is this wall time; at once if it was.
    pub async fn wall_reaches(&self, at: Time) {
        let mut set = self.offsets.wall_set.subscribe();
        while self.wall() < at {
            // The machine's own clock may be set too, which nobody tells.
            let left = (at - self.wall()).to_std().unwrap_or_default().min(LOOK_AT_WALL_EVERY);
            tokio::select! {
                () = tokio::time::sleep(left) => {}
                _ = set.changed() => {}
            }
        }
    }

    /// A fresh UUIDv7: ids made later sort later, also within one millisecond of one process.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the place that the ban points to")]
    pub fn new_id(&self) -> Uuid {
        Uuid::now_v7()
    }

    /// 16 random bytes from the operating system, for tokens and order numbers.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the place that the ban points to")]
    pub fn random_bytes(&self) -> [u8; 16] {
        // A v4 UUID has 122 random bits; hashing two of them spreads the randomness over every bit.
        use sha2::Digest;
        let mut digest = sha2::Sha256::new();
        digest.update(Uuid::new_v4().as_bytes());
        digest.update(Uuid::new_v4().as_bytes());
        let mut bytes = [0_u8; 16];
        bytes.copy_from_slice(&digest.finalize()[..16]);
        bytes
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the place that the ban points to")]
fn real_time() -> Time {
    let now = Utc::now();
    now.duration_trunc(TimeDelta::microseconds(1)).unwrap_or(now)
}
