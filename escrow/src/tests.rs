//! The table, tried out: every status × command × actor, and random lives of orders.

#![expect(clippy::arithmetic_side_effects, reason = "an overflow here fails the test, as it should")]

use chrono::TimeDelta;
use entity::cancel_request::{self, CancelRequestStatus};
use entity::contract::{Address, Line, Terms};
use entity::dispute::{self, DisputeStatus};
use entity::order::{Metadata, Model, OrderStatus};
use entity::payment::{self, PaymentMethod, PaymentStatus, RefundWay};
use entity::proposal;
use entity::receipt::ReceiptReason;
use entity::refund::{self, RefundStatus};
use entity::{BuyerId, Currency, MinorUnits, Money, OrderId, PaymentId, RefundId, StorefrontId, SupplierId, Time};
use uuid::Uuid;

use super::decision::{Decision, PaymentChange, RefundOf, StockChange};
use super::table::TABLE;
use super::*;
use commands::{because, capture, chargeback, command, five, paying, proposing, restore_by};
use entity::contract::Deadlines;
use entity::dispute::DisputeReason;
use entity::proposal::Side;
use entity::{CancelRequestId, ChargebackId, DisputeId, EvidenceId, OperatorId, ProposalId, RefundAccountId};
use orders::{offer, open_refund, order, payment, set_aside, terms};

mod after;
mod agreement;
mod chargebacks;
mod commands;
mod disputes;
pub(crate) mod events;
mod lives;
mod orders;
mod payments;
mod recoveries;
mod refunds;
mod suspended;
mod transitions;

const PRICE: i64 = 12_800;
const FEE: i64 = 320;
const ACTORS: [Actor; 5] = [Actor::Buyer, Actor::Supplier, Actor::Operator, Actor::Provider, Actor::Timer];

fn now() -> Time {
    "2026-11-22T10:00:00Z".parse().expect("a time")
}

fn decided(order: &Order, actor: Actor, command: &Command, at: Time) -> Result<Decision, Rejection> {
    decide(order, actor, command, at, &Policy::default())
}
