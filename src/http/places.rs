//! How many connections may stay open, and how much may go on over them. An event stream counts as a socket.
//!
//! Bounds are of this node. A place is given back when what it was taken for is dropped.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use entity::StorefrontId;

use crate::auth::Viewer;

/// Sockets and event streams of one node.
pub const MOST_SOCKETS: usize = 10_000;
/// Of these, of one principal, with whatever credentials.
pub const MOST_SOCKETS_OF_ONE: usize = 100;
/// Of these, of all who sent no credential.
pub const MOST_SOCKETS_OF_NOBODY: usize = 1_000;
/// Of these, of one storefront and all its buyers.
pub const MOST_SOCKETS_OF_A_STOREFRONT: usize = 5_000;
/// Operations that one principal may have running over its sockets and event streams.
pub const MOST_OPERATIONS_OF_ONE: usize = 1_000;
/// Operations that one socket may have running.
pub const MOST_OPERATIONS_OF_A_SOCKET: usize = 50;
/// How long a socket may wait to introduce itself.
pub const INIT_PATIENCE: Duration = Duration::from_secs(10);
/// How often a socket is asked whether it is still there, and the credential of a socket or an event stream looked at again.
pub const LOOK_AGAIN_EVERY: Duration = Duration::from_secs(30);
/// How often an event stream shows that it is still there.
pub const BEAT_EVERY: Duration = Duration::from_secs(15);
/// How long a client may take to read what it is sent over a socket or an event stream.
pub const SEND_PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone, Debug, Default)]
pub struct Places(Arc<Mutex<Taken>>);

#[derive(Debug, Default)]
struct Taken {
    sockets: usize,
    of: HashMap<Viewer, Own>,
    of_storefronts: HashMap<StorefrontId, usize>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Own {
    sockets: usize,
    operations: usize,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Socket,
    OwnSocket(Viewer),
    Operation(Viewer),
}

impl What {
    /// Whose sockets these are besides.
    fn storefront(self) -> Option<StorefrontId> {
        match self {
            Self::OwnSocket(Viewer::Storefront { storefront_id } | Viewer::Buyer { storefront_id, .. }) => {
                Some(storefront_id)
            }
            Self::OwnSocket(Viewer::Anonymous | Viewer::Supplier { .. } | Viewer::Operator { .. })
            | Self::Socket
            | Self::Operation(_) => None,
        }
    }
}

/// Taken until it is dropped.
#[derive(Debug)]
pub struct Place {
    places: Places,
    what: What,
}

impl Places {
    /// For a socket of whoever it may be. None: the node has enough.
    #[must_use]
    pub fn socket(&self) -> Option<Place> {
        self.take(What::Socket)
    }

    /// For a socket, once it is known whose it is.
    #[must_use]
    pub fn socket_of(&self, viewer: Viewer) -> Option<Place> {
        self.take(What::OwnSocket(viewer))
    }

    #[must_use]
    pub fn operation_of(&self, viewer: Viewer) -> Option<Place> {
        self.take(What::Operation(viewer))
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        // Only counts: none is half-done when it panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, what: What) -> Option<Place> {
        let mut taken = self.taken();
        if let Some(id) = what.storefront()
            && taken.of_storefronts.get(&id).is_some_and(|count| *count >= MOST_SOCKETS_OF_A_STOREFRONT)
        {
            return None;
        }
        let (count, most) = taken.count(what);
        if *count >= most {
            return None;
        }
        *count += 1;
        if let Some(id) = what.storefront() {
            *taken.of_storefronts.entry(id).or_default() += 1;
        }
        Some(Place { places: self.clone(), what })
    }
}

impl Taken {
    fn count(&mut self, what: What) -> (&mut usize, usize) {
        match what {
            What::Socket => (&mut self.sockets, MOST_SOCKETS),
            What::OwnSocket(viewer) => {
                let most = if viewer == Viewer::Anonymous { MOST_SOCKETS_OF_NOBODY } else { MOST_SOCKETS_OF_ONE };
                (&mut self.of.entry(viewer).or_default().sockets, most)
            }
            What::Operation(viewer) => (&mut self.of.entry(viewer).or_default().operations, MOST_OPERATIONS_OF_ONE),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        let (count, _most) = taken.count(self.what);
        *count = count.saturating_sub(1);
        if let Some(id) = self.what.storefront() {
            match taken.of_storefronts.get_mut(&id) {
                Some(count) if *count > 1 => *count -= 1,
                Some(_) | None => drop(taken.of_storefronts.remove(&id)),
            }
        }
        if let What::OwnSocket(viewer) | What::Operation(viewer) = self.what
            && taken.of.get(&viewer) == Some(&Own::default())
        {
            taken.of.remove(&viewer);
        }
    }
}

#[cfg(test)]
mod tests {
    use entity::{BuyerId, OperatorId, SupplierId};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_buyers_of_one_storefront_leave_places_for_others() {
        let places = Places::default();
        let buyer = |storefront: u128, buyer: u128| Viewer::Buyer {
            storefront_id: StorefrontId(Uuid::from_u128(storefront)),
            buyer_id: BuyerId(Uuid::from_u128(buyer)),
        };
        let taken: Vec<Place> = (0..).map_while(|number| places.socket_of(buyer(1, number))).collect();
        assert_eq!(taken.len(), MOST_SOCKETS_OF_A_STOREFRONT);
        assert!(places.socket_of(buyer(2, 1)).is_some());
        drop(taken);
        assert!(places.socket_of(buyer(1, 1)).is_some() && places.taken().of_storefronts.is_empty());
    }

    #[test]
    fn places_end_and_are_given_back() {
        let places = Places::default();
        let (one, other) = (
            Viewer::Supplier { supplier_id: SupplierId(Uuid::nil()) },
            Viewer::Operator { operator_id: OperatorId(Uuid::nil()) },
        );
        let all = |most: usize, take: &dyn Fn() -> Option<Place>| {
            let taken: Vec<Place> = std::iter::from_fn(take).take(most + 1).collect();
            assert_eq!(taken.len(), most);
            taken
        };
        let sockets = all(MOST_SOCKETS, &|| places.socket());
        let own = all(MOST_SOCKETS_OF_ONE, &|| places.socket_of(one));
        let operations = all(MOST_OPERATIONS_OF_ONE, &|| places.operation_of(one));
        let nobodys = all(MOST_SOCKETS_OF_NOBODY, &|| places.socket_of(Viewer::Anonymous));
        assert!(places.socket_of(other).is_some() && places.operation_of(other).is_some());
        drop((sockets, own, nobodys));
        assert!(places.operation_of(one).is_none() && places.socket_of(one).is_some() && places.socket().is_some());
        drop(operations);
        let left = places.taken();
        assert_eq!((left.sockets, left.of.len()), (0, 0), "nothing is remembered of who is gone");
    }
}
