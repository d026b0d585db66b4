//! One binary, so that the server's crates are linked once. How a test is written: see `support`.

mod support;

mod actions;
mod books;
mod catalog;
mod claims;
mod clock;
mod crash;
mod disk;
mod disputes;
mod door;
mod evidence;
mod feed;
mod harness;
mod http;
mod input;
mod layers;
mod lives;
mod news;
mod opening;
mod party;
mod payouts;
mod process;
mod purchase;
mod queries;
mod race;
mod refunds;
mod schema;
mod semantics;
mod simulator;
mod socket;
mod walls;
mod work;
