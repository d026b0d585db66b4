//! Rows, ids and money. One table, one file; a status enum lives with the table that stores it.
//!
//! Nothing here knows a rule: what may happen to an order stands in the crate `escrow`.

pub mod id;
pub mod ledger_account;
pub mod money;

pub mod bank_account;
pub mod bank_book;
pub mod bank_booking;
pub mod bank_country;
pub mod bank_line;
pub mod bank_line_booking;
pub mod bank_statement;
pub mod browser_origin;
pub mod buyer;
pub mod cancel_request;
pub mod chargeback;
pub mod clearing;
pub mod contract;
pub mod conversation;
pub mod credential;
pub mod dispute;
pub mod event;
pub mod evidence;
pub mod evidence_message;
pub mod feedback;
pub mod file;
pub mod file_content;
pub mod hand_booking;
pub mod idempotency;
pub mod job;
pub mod message;
pub mod notification;
pub mod operator;
pub mod order;
pub mod payment;
pub mod payout;
pub mod payout_account;
pub mod price_tier;
pub mod product;
pub mod proposal;
pub mod receipt;
pub mod reconciliation;
pub mod reconciliation_break;
pub mod refund;
pub mod refund_account;
pub mod refund_attempt;
pub mod sandbox_clock;
pub mod sandbox_movement;
pub mod search_token;
pub mod shipment;
pub mod standing;
pub mod statement_line;
pub mod storefront;
pub mod supplier;
pub mod transfer;
pub mod webhook_attempt;
pub mod webhook_delivery;
pub mod webhook_endpoint;

pub use bank_account::{BankAccount, HolderAddress};
pub use id::*;
pub use ledger_account::LedgerAccount;
pub use money::{Currency, MinorUnits, Money, MoneyError};
pub use order::OrderStatus;

/// Every time in the database: UTC, cut to microseconds (PostgreSQL keeps no more).
pub type Time = chrono::DateTime<chrono::Utc>;
