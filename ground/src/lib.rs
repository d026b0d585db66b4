//! What the server and the adapters of payment providers both stand on. It knows no database, no order and no door.

pub mod client; // HTTP out, and where it may go
pub mod clock; // the only source of time and ids
pub mod setting; // what all settings share: modes, checks, the error that names a variable
pub mod signature; // Standard Webhooks: how notifications are signed
