//! Secure Payment: an escrow server for cross-border wholesale trade.
//!
//! The map, the highest rank first. Every part uses parts of lower ranks only: `tests/it/layers.rs` holds the list, and what it
//! doesn't list fails. Below all of them are crates of their own: `escrow` (the rules), `provider` (the adapters), `ground`
//! (clock, settings, HTTP out, signatures), `entity` and `migration`. `docs/architecture.md` explains it.

// Doors
pub mod cli; // the program: its commands, and how it starts and stops
pub mod graphql; // the API
pub mod http; // routes, GraphQL over HTTP, GraphiQL, files
pub mod server; // listening, and shutting down
pub mod webhook; // notifications in
pub mod worker; // the loop that does jobs and passed deadlines

// The sandbox
pub mod seed; // what a new sandbox starts with
pub mod simulator; // its bank: checkout page and signed notifications over real HTTP

// What moves orders and money
pub mod order; // the one write path, and finders that take the viewer
pub mod payment; // money over providers: paying, the inbox, refunding, paying out, reconciling

// Who and what is traded
pub mod catalog; // products and suppliers: search and listings
pub mod file; // files: staged, sent, attached as evidence or to a message, read
pub mod messaging; // buyer and supplier talk
pub mod party; // storefronts, buyers, suppliers, operators, their credentials and payout accounts

// What happened to an order, and where it is written down
pub mod delivery; // webhooks out: endpoints, and each event on its way to them
pub mod event; // the timeline of an order
pub mod event_feed; // the same of all orders, in commit order
pub mod idempotency; // the same call again answers the same
pub mod job; // work for later, enqueued in the transaction that made it necessary
pub mod ledger; // transfers: the only money
pub mod visibility; // which rows exist for a viewer

// Ground
pub mod app; // what every part shares
pub mod auth; // who is asking
pub mod bank_account; // an account at a bank: checked, encrypted
pub mod config; // every setting
pub mod courier; // one request to a storefront's endpoint, to no address that is not checked
pub mod crypto; // bank details at rest
pub mod db; // how the database is opened, how a write begins
pub mod error; // every way a call can be refused or fail
pub mod lifecycle; // the order to stop, and who still runs
pub mod live; // what is committed, published to whoever follows it
pub mod page; // keyset pages
pub mod peer; // the address that a request comes from
pub mod sandbox_clock; // the sandbox's business time, kept for the whole installation
pub mod slots; // a bounded number of something at once
pub mod validate; // checks of what came in
