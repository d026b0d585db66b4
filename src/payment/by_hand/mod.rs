//! What operators book by hand: of a notification that was quarantined, or of a break in the books. One asks, another approves.
//!
//! Each booking carries the key of the movement that it is about. So it is booked once, and what the provider states of the
//! same movement later changes nothing, whatever the operators have made of it. The notification or the break stays as the
//! evidence, marked as settled by hand.

mod approve;
mod book;
mod check;
mod correct;
mod find;
mod movement;
mod request;
mod settle;

pub use approve::{approve_booking, reject_booking};
pub use book::book_by_hand;
pub use check::NewBooking;
pub use find::{find_bookings, find_bookings_by_id};
pub(super) use find::{is_settled_by_hand, settled_breaks};
pub(super) use movement::movements_of;
pub use request::{book_break, book_quarantined};
