//! Secure Payment: an escrow server for cross-border wholesale trade.
//!
//! The map, in reading order. Arrows go one way: a door (`graphql`, `webhook`, `worker`) calls what moves orders (`payment`,
//! `order`), that calls the rules (`escrow`) and the books (`ledger`, `event`, `job`); `provider` knows no order and no database.

// What happens to an order, and where it is written down
pub mod delivery; // webhooks out: endpoints, and each event told to them
pub mod event; // the timeline of an order
pub mod event_feed; // the same of all orders, in commit order
pub mod file; // files: staged, sent, attached as evidence or to a message, read
pub mod idempotency; // the same call again answers the same
pub mod job; // work for later, enqueued in the transaction that made it necessary
pub mod ledger; // transfers: the only money
pub mod order; // the one write path, and finders that take the viewer
pub mod payment; // money over providers: paying, hearing back, refunding, paying out

// Who and what is traded
pub mod catalog; // products and suppliers: search and listings
pub mod messaging; // buyer and supplier talk
pub mod party; // storefronts, buyers, suppliers, operators, their credentials and payout accounts

pub mod seed; // what a new sandbox starts with
pub mod simulator; // the sandbox's bank: checkout page and signed notifications over real HTTP

// Doors
pub mod cli; // the program
pub mod graphql; // the API
pub mod http; // routes, GraphQL over HTTP, GraphiQL
pub mod webhook; // notifications in
pub mod worker; // the loop that does jobs and passed deadlines

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
pub mod server; // listening, and shutting down
pub mod slots; // a bounded number of something at once
pub mod validate; // checks of what came in
pub mod visibility; // which rows exist for whom
