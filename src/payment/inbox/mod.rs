//! The inbox of notifications: stored once, applied by a job, quarantined when they don't fit, and driven again.

mod apply;
mod folder;
mod quarantine;
mod store;

pub use apply::apply_notification;
pub(super) use apply::facts_of;
pub use folder::{has_folder, pick_up_files};
pub use quarantine::{dismiss_quarantined, find_quarantined, redrive_notification};
pub use store::{RefusedFile, Stored, store_notification, store_refused};
