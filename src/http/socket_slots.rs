//! How many connections may stay open, and how much may go on over them. An event stream counts as a socket.
//!
//! Bounds are of this node. A slot is given back when it is dropped.

use std::time::Duration;

use entity::StorefrontId;

use crate::auth::Viewer;
use crate::slots::{Slot, Slots};

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
/// How often a socket is asked whether it is still there, and the credential of a socket or an event stream looked at
/// again.
pub const LOOK_AGAIN_EVERY: Duration = Duration::from_secs(30);
/// How often an event stream shows that it is still there.
pub const BEAT_EVERY: Duration = Duration::from_secs(15);
/// How long a client may take to read what it is sent over a socket or an event stream.
pub const SEND_PATIENCE: Duration = Duration::from_secs(10);

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum SocketKey {
    Sockets,
    SocketsOf(Viewer),
    SocketsOfStorefront(StorefrontId),
    OperationsOf(Viewer),
}

pub(super) type SocketSlot = Slot<SocketKey>;

#[derive(Clone, Debug, Default)]
pub(super) struct SocketSlots(Slots<SocketKey>);

impl SocketSlots {
    /// For a socket of whoever it may be. None: the node has enough.
    #[must_use]
    pub(super) fn socket(&self) -> Option<SocketSlot> {
        self.0.take([Some((SocketKey::Sockets, MOST_SOCKETS))])
    }

    /// For a socket, once it is known whose it is.
    #[must_use]
    pub(super) fn socket_of(&self, viewer: Viewer) -> Option<SocketSlot> {
        let most = if viewer == Viewer::Anonymous { MOST_SOCKETS_OF_NOBODY } else { MOST_SOCKETS_OF_ONE };
        let of_storefront =
            viewer.storefront().map(|id| (SocketKey::SocketsOfStorefront(id), MOST_SOCKETS_OF_A_STOREFRONT));
        self.0.take([of_storefront, Some((SocketKey::SocketsOf(viewer), most))])
    }

    #[must_use]
    pub(super) fn operation_of(&self, viewer: Viewer) -> Option<SocketSlot> {
        self.0.take([Some((SocketKey::OperationsOf(viewer), MOST_OPERATIONS_OF_ONE))])
    }
}

#[cfg(test)]
mod tests {
    use entity::{BuyerId, OperatorId, SupplierId};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_buyers_of_one_storefront_leave_slots_for_others() {
        let slots = SocketSlots::default();
        let buyer = |storefront: u128, buyer: u128| Viewer::Buyer {
            storefront_id: StorefrontId(Uuid::from_u128(storefront)),
            buyer_id: BuyerId(Uuid::from_u128(buyer)),
        };
        let taken: Vec<SocketSlot> = (0..).map_while(|number| slots.socket_of(buyer(1, number))).collect();
        assert_eq!(taken.len(), MOST_SOCKETS_OF_A_STOREFRONT);
        assert!(slots.socket_of(buyer(2, 1)).is_some());
        drop(taken);
        assert!(slots.socket_of(buyer(1, 1)).is_some() && slots.0.is_empty());
    }

    #[test]
    fn slots_end_and_are_given_back() {
        let slots = SocketSlots::default();
        let (one, other) = (
            Viewer::Supplier { supplier_id: SupplierId(Uuid::nil()) },
            Viewer::Operator { operator_id: OperatorId(Uuid::nil()) },
        );
        let all = |most: usize, take: &dyn Fn() -> Option<SocketSlot>| {
            let taken: Vec<SocketSlot> = std::iter::from_fn(take).take(most + 1).collect();
            assert_eq!(taken.len(), most);
            taken
        };
        let sockets = all(MOST_SOCKETS, &|| slots.socket());
        let own = all(MOST_SOCKETS_OF_ONE, &|| slots.socket_of(one));
        let operations = all(MOST_OPERATIONS_OF_ONE, &|| slots.operation_of(one));
        let nobodys = all(MOST_SOCKETS_OF_NOBODY, &|| slots.socket_of(Viewer::Anonymous));
        assert!(slots.socket_of(other).is_some() && slots.operation_of(other).is_some());
        drop((sockets, own, nobodys));
        assert!(slots.operation_of(one).is_none() && slots.socket_of(one).is_some() && slots.socket().is_some());
        drop(operations);
        assert!(slots.0.is_empty(), "nothing is remembered of who is gone");
    }
}
