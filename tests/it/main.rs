//! One binary, so that the server's crates are linked once. How a test is written: see `support`.

mod support;

mod catalog;
mod harness;
mod http;
mod party;
mod process;
mod purchase;
mod semantics;
mod socket;
