//! One binary, so that the server's crates are linked once. How a test is written: see `support`.

mod support;

mod books;
mod catalog;
mod crash;
mod disk;
mod harness;
mod http;
mod input;
mod layers;
mod party;
mod process;
mod provider;
mod purchase;
mod queries;
mod race;
mod semantics;
mod socket;
mod walls;
