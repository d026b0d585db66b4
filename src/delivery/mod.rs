//! Webhooks out: events of a storefront's orders, told to its endpoints by Standard Webhooks.
//!
//! Promises:
//! * A delivery is made in the transaction that made the event, one per enabled endpoint that listens to its type. So it is
//!   sent at least once, also when the server is killed in between; `webhook-id` is the event's id at every attempt, at every
//!   endpoint and in every replay, and the body is the same byte for byte.
//! * Of one order, an endpoint is told of one event at a time, in the order in which they happened: the next one goes when the
//!   one before was accepted, or was given up after the last attempt. Other orders don't wait for it.
//! * An endpoint that is slow, gone or hostile harms nobody: it has slots of its own, its answer is cut off, redirects are not
//!   followed, and no address is connected to that was not checked ([`ground::client::guard`]).
//!
//! Locks are taken in this order: the order's row, the endpoint's row, deliveries. Whoever adds deliveries of an order or
//! finishes one holds the order's row, and so sees all the others of it.

mod attempt;
mod claim;
mod endpoint;
mod find;
mod message;
mod queue;
mod replay;
mod schedule;

pub use attempt::{Attempted, deliver};
pub use claim::{Claimed, PER_ENDPOINT, claim, is_any_due, next_run, prune, release_all_leases};
pub use endpoint::{
    EndpointChange, NewEndpoint, Secrets, create_endpoint, delete_endpoint, rotate_secret, update_endpoint,
};
pub use find::{
    DeliveryFilter, DeliveryPart, attempts_of, deliveries_of, find_deliveries, find_deliveries_by_id, find_endpoint,
    find_endpoints, find_endpoints_by_id,
};
pub use message::{BodyOf, TEST_TYPE, bodies, request_headers};
pub use queue::{Due, enqueue};
pub use replay::{Replayed, Selection, replay, send_test};
pub use schedule::MOST_ATTEMPTS;
