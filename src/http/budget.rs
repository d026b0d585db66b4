//! Budgets in points: a bucket for whoever holds credentials, another for each address without one, refilled in wall
//! time.
//!
//! They are this node's own: behind a balancer, `n` nodes grant `n` times as much. Memory is bounded: of the buckets
//! that were not used for longest, the last goes, which is full again by then unless somebody has very many addresses.

use std::net::IpAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::Clock as _;
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter, clock};
use lru::LruCache;
use serde::Serialize;

use crate::auth::{Caller, Viewer};
use crate::config::LimitSettings;
use crate::peer::Client;
use ground::clock::Clock;

/// Holders of credentials, and addresses, whose spending is remembered.
pub const MOST_BUCKETS: usize = 100_000;
/// What an attempt with a credential that isn't good costs its address.
pub const ATTEMPT: u32 = 50;

/// Who pays for a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Payer {
    Principal(String),
    Network(IpAddr),
}

impl Payer {
    #[must_use]
    pub fn of(caller: &Caller, client: Client) -> Self {
        match caller.viewer {
            Viewer::Anonymous => Self::Network(client.network()),
            Viewer::Storefront { .. } | Viewer::Buyer { .. } | Viewer::Supplier { .. } | Viewer::Operator { .. } => {
                Self::Principal(caller.viewer.principal())
            }
        }
    }
}

/// What a payer has, as `extensions.cost.budget` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Balance {
    pub capacity: u32,
    pub remaining: u32,
    pub restored_per_second: u32,
}

/// Not enough is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overdrawn {
    pub balance: Balance,
    /// Seconds after which there will be enough, if nothing else is spent.
    pub retry_after: u64,
}

#[derive(Clone, Debug)]
pub struct Budgets(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: WallTime,
    principals: Buckets<String>,
    networks: Buckets<IpAddr>,
    /// Attempts with credentials that weren't good: apart from the rest, so that a crowd behind one address that asks
    /// without credentials doesn't lock out those who have one.
    attempts: Buckets<IpAddr>,
}

impl Budgets {
    #[must_use]
    pub fn new(settings: &LimitSettings, clock: &Clock) -> Self {
        let anonymous = Terms::new(settings.anonymous_budget, settings.anonymous_budget_per_second);
        Self(Arc::new(Inner {
            clock: WallTime::of(clock),
            principals: Buckets::new(Terms::new(settings.budget, settings.budget_per_second)),
            networks: Buckets::new(anonymous),
            attempts: Buckets::new(anonymous),
        }))
    }

    /// Takes these points, or none.
    pub fn take(&self, payer: &Payer, points: u32) -> Result<Balance, Overdrawn> {
        let Inner { clock, principals, networks, .. } = self.0.as_ref();
        match payer {
            Payer::Principal(principal) => principals.take(principal, points, clock),
            Payer::Network(network) => networks.take(network, points, clock),
        }
    }

    /// Whether this address may try a credential: not while it has used up what attempts may cost.
    pub fn may_attempt(&self, client: Client) -> Result<(), Overdrawn> {
        self.0.attempts.closed(&client.network(), &self.0.clock)
    }

    /// The attempt failed.
    pub fn charge_attempt(&self, client: Client) -> Result<(), Overdrawn> {
        self.0.attempts.take(&client.network(), ATTEMPT, &self.0.clock).map(drop)
    }
}

#[derive(Clone, Copy, Debug)]
struct Terms {
    capacity: NonZeroU32,
    per_second: NonZeroU32,
}

impl Terms {
    fn new(capacity: u32, per_second: u32) -> Self {
        let positive = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        Self { capacity: positive(capacity), per_second: positive(per_second) }
    }

    fn quota(self) -> Quota {
        // A point's interval is at least a microsecond: the setting's range says so.
        let interval = Duration::from_secs(1) / self.per_second.get();
        Quota::with_period(interval).unwrap_or(Quota::per_second(self.per_second)).allow_burst(self.capacity)
    }

    fn balance(self, remaining: u32) -> Balance {
        Balance { capacity: self.capacity.get(), remaining, restored_per_second: self.per_second.get() }
    }

    fn overdrawn(self, points: u32, wait: Duration) -> Overdrawn {
        let missing = wait.as_micros() * u128::from(self.per_second.get()) / 1_000_000 + 1;
        let remaining = points.saturating_sub(u32::try_from(missing).unwrap_or(u32::MAX));
        Overdrawn { balance: self.balance(remaining), retry_after: seconds(wait) }
    }
}

fn seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, WallTime, StateInformationMiddleware>;

struct Bucket {
    limiter: Limiter,
    /// Wall time since the epoch until which the last one that was refused had to wait.
    closed_until: Duration,
}

struct Buckets<K: std::hash::Hash + Eq> {
    terms: Terms,
    used: Mutex<LruCache<K, Bucket>>,
}

impl<K: std::hash::Hash + Eq> std::fmt::Debug for Buckets<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Buckets").field("terms", &self.terms).finish_non_exhaustive()
    }
}

impl<K: std::hash::Hash + Eq + Clone> Buckets<K> {
    fn new(terms: Terms) -> Self {
        let most = NonZeroUsize::new(MOST_BUCKETS).unwrap_or(NonZeroUsize::MIN);
        // Grows as it is used: nothing is reserved for all of them.
        let mut used = LruCache::unbounded();
        used.resize(most);
        Self { terms, used: Mutex::new(used) }
    }

    fn take(&self, key: &K, points: u32, clock: &WallTime) -> Result<Balance, Overdrawn> {
        let terms = self.terms;
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = used.get_or_insert_mut_ref(key, || Bucket {
            limiter: RateLimiter::direct_with_clock(terms.quota(), clock.clone()).with_middleware(),
            closed_until: Duration::ZERO,
        });
        let Some(count) = NonZeroU32::new(points) else { return Ok(terms.balance(0)) };
        match bucket.limiter.check_n(count) {
            Ok(Ok(state)) => Ok(terms.balance(state.remaining_burst_capacity())),
            Ok(Err(not_until)) => {
                let now = clock.now();
                let wait = not_until.wait_time_from(now);
                bucket.closed_until = now + wait;
                Err(terms.overdrawn(points, wait))
            }
            // More than it ever holds. A request's limit is less, so this is a batch of refused ones at most.
            Err(_capacity) => Err(terms.overdrawn(points, Duration::from_secs(1))),
        }
    }

    fn closed(&self, key: &K, clock: &WallTime) -> Result<(), Overdrawn> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = used.get(key).map_or(Duration::ZERO, |bucket| bucket.closed_until.saturating_sub(clock.now()));
        // A clock that was set back must not close it for longer than a full bucket takes.
        if wait.is_zero() || wait > self.terms.quota().burst_size_replenished_in() {
            return Ok(());
        }
        Err(Overdrawn { balance: self.terms.balance(0), retry_after: seconds(wait) })
    }
}

/// The time that has passed by our wall clock, for the buckets. A clock that is set back takes nothing back: else every
/// budget would be used up until the old time comes again.
#[derive(Clone, Debug)]
struct WallTime {
    clock: Clock,
    /// The last reading, in microseconds, and what has passed up to then.
    passed: Arc<Mutex<(i64, Duration)>>,
}

impl WallTime {
    fn of(clock: &Clock) -> Self {
        let now = clock.wall().timestamp_micros();
        Self { clock: clock.clone(), passed: Arc::new(Mutex::new((now, Duration::ZERO))) }
    }
}

impl clock::Clock for WallTime {
    type Instant = Duration;

    fn now(&self) -> Duration {
        let now = self.clock.wall().timestamp_micros();
        let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        let step = u64::try_from(now.saturating_sub(passed.0)).unwrap_or(0);
        *passed = (now, passed.1 + Duration::from_micros(step));
        passed.1
    }
}
