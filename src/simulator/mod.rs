//! The simulated bank. Everything but the bank is real: it is called over HTTP with a key, it shows the buyer a checkout
//! page, it settles sooner or later, and it posts signed notifications until they are answered.
//!
//! It keeps its own books (`sandbox_movement`) and knows no order and no payment of ours: it speaks to the rest of the
//! server over HTTP only. Mount [`routes`] in sandbox mode; in live mode its API answers 404 whatever is mounted.
//!
//! ```text
//! POST /sandbox/payments {reference, method, amount: {amount, currency}, description, notification_url, return_url?}
//! GET  /sandbox/payments/{reference}     POST /sandbox/payments/{reference}/cancel
//! POST /sandbox/refunds  {reference, payment, amount, payee_account?, notification_url}   GET /sandbox/refunds/{reference}
//! POST /sandbox/payouts  {reference, amount, account, notification_url}      GET /sandbox/payouts/{reference}
//! GET  /sandbox/checkout/{id}            POST /sandbox/checkout/{id}  decision=…
//! POST /sandbox/receiver                 not the bank's: takes any webhook of ours, for who has no receiver yet
//! ```
//!
//! The page plays the kind that the method is of ([`method_kind`]), and takes the decisions of that kind:
//! * a page to approve on: `approve`, `decline`, `approve_later`, `settle`;
//! * an account to send money to (BANK_TRANSFER; the payment's document says which in `transfer_to`): `approve` sends all that
//!   is missing, `approve_later`, `settle`, `transfer` with an `amount` and perhaps another `reference`, `bounce` with an `amount`
//!   or of all; also when the payment has been cancelled, because a real bank doesn't know;
//! * a code to pay with at a counter (WESTERN_UNION; `voucher` in the document): `approve`, `expire`; it expires by itself.
//!
//! Promises:
//! * the same reference and amount again answers the same movement; another amount is refused (409);
//! * each step of a movement is one transaction, and the notification about it is enqueued in that transaction:
//!   OPEN → SUCCEEDED, DECLINED, CANCELLED, EXPIRED or SETTLING; SETTLING → SUCCEEDED or DECLINED; refunds and payouts can come back:
//!   SUCCEEDED → DECLINED. Chargebacks: OPEN → DEBITED, WON or LOST; DEBITED → WON or LOST; LOST → WON;
//! * refunds of a payment never sum up to more than what has arrived and was not taken back, also when many ask at once;
//! * it gives a BANK_TRANSFER back only to a `payee_account` (422 `payee_details_required`), and a WESTERN_UNION payment not at
//!   all (422 `not_refundable`), unless a transfer to a `payee_account` is ordered instead: then it sends also what it never took;
//! * bank details of a payout or a payee are looked at and not kept.
//!
//! What banks do unasked ([`provider_event`]) is a movement of its own, behind a payment: a transfer (money that comes
//! besides: too little, too much, too late, of another currency; listed as `transfers: [{id, amount}]` in the payment's document),
//! money with a reference that it can't match (told of as `transfer.unmatched`, with what the payer wrote), a chargeback, a
//! reversal. None of them changes the status of the payment.
//!
//! **To see a failure:** a refund or a payout whose minor units end in 13 (10.13 USD, 2013 JPY) is declined when it
//! settles. A payment is declined by the button of that name.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::routing::{get, post};

use crate::app::App;

mod api;
mod books;
mod checkout;
mod claim;
mod collected;
mod event;
mod method_kind;
mod notify;
mod page;
mod play;

pub use books::settle;
pub use event::{ChargebackMove, ProviderEvent, provider_event};
pub use notify::{Notice, notify};

/// The longest request that the bank reads, in bytes.
const BODY_LIMIT: usize = 64 * 1024;

/// Full paths, under `/sandbox`.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/sandbox/payments", post(api::create_payment))
        .route("/sandbox/payments/{reference}", get(api::show_payment))
        .route("/sandbox/payments/{reference}/cancel", post(api::cancel_payment))
        .route("/sandbox/refunds", post(api::create_refund))
        .route("/sandbox/refunds/{reference}", get(api::show_refund))
        .route("/sandbox/payouts", post(api::create_payout))
        .route("/sandbox/payouts/{reference}", get(api::show_payout))
        .route("/sandbox/checkout/{id}", get(checkout::show).post(checkout::decide))
        .route("/sandbox/checkout.css", get(checkout::style))
        .route("/sandbox/receiver", post(|| async { StatusCode::NO_CONTENT }))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
}
