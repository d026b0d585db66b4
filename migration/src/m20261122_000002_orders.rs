//! Orders, their contracts, their timeline of events; shipments, cancel requests, disputes, feedback, conversations.

use sea_orm_migration::prelude::*;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261122_000002_orders"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::script::run(manager, UP).await?;
        // An event gets its place in the feed once, and with it who may see it; nothing else of it ever changes.
        crate::script::append_only(
            manager,
            "event",
            Some(
                "old.feed_position is null and new.feed_position is not null and old.id = new.id and old.order_id = new.order_id \
                 and old.sequence = new.sequence and old.kind = new.kind and old.actor = new.actor and old.summary = new.summary \
                 and old.data = new.data and old.occurred_at = new.occurred_at",
            ),
        )
        .await?;
        crate::script::append_only(manager, "contract", None).await?;
        crate::script::append_only(manager, "proposal", None).await?;
        crate::script::append_only(manager, "evidence", None).await?;
        crate::script::append_only(
            manager,
            "message",
            Some(
                "old.feed_position is null and new.feed_position is not null and old.id = new.id \
                 and old.conversation_id = new.conversation_id and old.sender = new.sender and old.text = new.text \
                 and old.created_at = new.created_at",
            ),
        )
        .await
    }

    /// SQLite wraps a step in a transaction only when asked to.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

const UP: &str = r"
create table orders (
    id {uuid} primary key not null,
    number text not null unique,
    storefront_id {uuid} not null references storefront (id),
    buyer_id {uuid} not null references buyer (id),
    supplier_id {uuid} not null references supplier (id),
    status text not null check (status in ('DRAFT_REQUESTED', 'AWAITING_CONFIRMATION', 'AWAITING_PAYMENT', 'FUNDED', 'SHIPPED',
        'CANCEL_REQUESTED', 'DISPUTED', 'RETURN_PENDING', 'COMPLETED', 'CANCELLED', 'REFUNDED')),
    version {bigint} not null,
    currency text not null check (length(currency) = 3),
    contract_version {int} not null check (contract_version >= 0),
    total {bigint} not null check (total >= 0),
    captured {bigint} not null check (captured >= 0),
    held {bigint} not null check (held >= 0),
    released {bigint} not null check (released >= 0),
    refunded {bigint} not null check (refunded >= 0),
    charged_back {bigint} not null check (charged_back >= 0),
    frozen_at {time},
    frozen_by_operator {bool} not null,
    stock_reserved {bool} not null,
    deadline_at {time},
    remind_at {time},
    timer_at {time},
    paused_status text check (paused_status in ('FUNDED', 'SHIPPED')),
    paused_at {time},
    paused_deadline_at {time},
    cancel_asked_funded {bool} not null,
    cancel_asked_shipped {bool} not null,
    disputes {int} not null check (disputes between 0 and 2),
    chargebacks {int} not null check (chargebacks >= 0),
    has_refund_account {bool} not null,
    ship_by {time},
    event_sequence {bigint} not null,
    draft_request {json},
    client_reference text,
    metadata {json} not null,
    completed_at {time},
    created_at {time} not null,
    updated_at {time} not null,
    check (captured = held + released + refunded + charged_back),
    check (captured - charged_back <= total),
    check (held = 0 or status not in ('COMPLETED', 'CANCELLED', 'REFUNDED')),
    check (deadline_at is null or status not in ('COMPLETED', 'CANCELLED', 'REFUNDED')),
    check (timer_at is null or frozen_at is null),
    check (paused_status is not null or status not in ('CANCEL_REQUESTED', 'DISPUTED', 'RETURN_PENDING')),
    check ((paused_status is null) = (paused_at is null))
){strict}
---
create index orders_buyer on orders (buyer_id, id)
---
create index orders_supplier on orders (supplier_id, id)
---
create index orders_storefront on orders (storefront_id, id)
---
create index orders_client_reference on orders (storefront_id, client_reference) where client_reference is not null
---
create index orders_timer on orders (timer_at) where timer_at is not null
---
create table contract (
    id {uuid} primary key not null,
    order_id {uuid} not null references orders (id),
    version {int} not null check (version > 0),
    terms {json} not null,
    hash text not null,
    drafted_by text not null check (drafted_by in ('LISTING', 'SUPPLIER')),
    created_at {time} not null,
    unique (order_id, version)
){strict}
---
create table event (
    id {uuid} primary key not null,
    order_id {uuid} not null references orders (id),
    sequence {bigint} not null check (sequence > 0),
    kind text not null,
    actor text not null check (actor in ('BUYER', 'SUPPLIER', 'OPERATOR', 'PROVIDER', 'TIMER')),
    summary text not null,
    data {json} not null,
    occurred_at {time} not null,
    feed_position {bigint} unique,
    storefront_id {uuid},
    buyer_id {uuid},
    supplier_id {uuid},
    unique (order_id, sequence)
){strict}
---
create index event_unsequenced on event (occurred_at) where feed_position is null
---
create index event_storefront on event (storefront_id, feed_position) where storefront_id is not null
---
create index event_buyer on event (buyer_id, feed_position) where buyer_id is not null
---
create index event_supplier on event (supplier_id, feed_position) where supplier_id is not null
---
create table shipment (
    id {uuid} primary key not null,
    order_id {uuid} not null references orders (id),
    carrier text not null,
    tracking_number text not null,
    shipped_at {time} not null
){strict}
---
create index shipment_order on shipment (order_id)
---
create table cancel_request (
    id {uuid} primary key not null,
    order_id {uuid} not null references orders (id),
    status text not null check (status in ('OPEN', 'WITHDRAWN', 'GRANTED', 'REFUSED', 'CLOSED')),
    asked_in text not null check (asked_in in ('FUNDED', 'SHIPPED')),
    reason text not null,
    answer text,
    created_at {time} not null,
    closed_at {time},
    unique (order_id, asked_in),
    check ((status = 'OPEN') = (closed_at is null))
){strict}
---
create table dispute (
    id {uuid} primary key not null,
    order_id {uuid} not null references orders (id),
    status text not null check (status in ('OPEN', 'WITHDRAWN', 'SETTLED', 'CLOSED')),
    reason text not null check (reason in ('NOT_RECEIVED', 'NOT_AS_DESCRIBED', 'DAMAGED', 'WRONG_QUANTITY', 'LATE', 'OTHER')),
    description text not null,
    opened_at {time} not null,
    answer_by {time},
    escalation_from {time} not null,
    escalates_at {time},
    escalated_at {time},
    alarm_at {time},
    settled_by text check (settled_by in ('AGREEMENT', 'SILENCE', 'RULING')),
    settled_amount {bigint} check (settled_amount >= 0),
    goods_go_back {bool},
    ruling text,
    return_carrier text,
    return_tracking_number text,
    return_shipped_at {time},
    contested_because text,
    closed_at {time}
){strict}
---
create index dispute_order on dispute (order_id)
---
create unique index dispute_one_open on dispute (order_id) where status = 'OPEN'
---
create table proposal (
    id {uuid} primary key not null,
    dispute_id {uuid} not null references dispute (id),
    order_id {uuid} not null references orders (id),
    side text not null check (side in ('BUYER', 'SUPPLIER')),
    amount {bigint} not null check (amount >= 0),
    goods_go_back {bool} not null,
    message text,
    created_at {time} not null
){strict}
---
create index proposal_order on proposal (order_id)
---
create table evidence (
    id {uuid} primary key not null,
    order_id {uuid} not null references orders (id),
    author text not null check (author in ('BUYER', 'SUPPLIER', 'OPERATOR')),
    text text,
    file_id {uuid} unique,
    messages {int} not null check (messages >= 0),
    created_at {time} not null,
    check (text is not null or file_id is not null or messages > 0)
){strict}
---
create index evidence_order on evidence (order_id)
---
create table refund_account (
    id {uuid} primary key not null,
    order_id {uuid} not null references orders (id),
    encrypted_details text not null,
    mask text not null,
    created_at {time} not null
){strict}
---
create index refund_account_order on refund_account (order_id)
---
create table feedback (
    id {uuid} primary key not null,
    order_id {uuid} not null unique references orders (id),
    supplier_id {uuid} not null references supplier (id),
    product_as_agreed {int} not null check (product_as_agreed between 1 and 5),
    communication {int} not null check (communication between 1 and 5),
    shipping_time {int} not null check (shipping_time between 1 and 5),
    comment text,
    revision {int} not null check (revision in (1, 2)),
    reply text,
    replied_at {time},
    created_at {time} not null
){strict}
---
create index feedback_supplier on feedback (supplier_id)
---
create table conversation (
    id {uuid} primary key not null,
    buyer_id {uuid} not null references buyer (id),
    supplier_id {uuid} not null references supplier (id),
    product_id {uuid} references product (id),
    order_id {uuid} references orders (id),
    last_message_id {uuid} not null unique,
    buyer_read_id {uuid},
    supplier_read_id {uuid},
    buyer_unread {int} not null check (buyer_unread >= 0),
    supplier_unread {int} not null check (supplier_unread >= 0),
    created_at {time} not null,
    updated_at {time} not null
){strict}
---
create index conversation_buyer on conversation (buyer_id, last_message_id)
---
create index conversation_supplier on conversation (supplier_id, last_message_id)
---
create index conversation_order on conversation (order_id) where order_id is not null
---
create table message (
    id {uuid} primary key not null,
    conversation_id {uuid} not null references conversation (id),
    sender text not null check (sender in ('BUYER', 'SUPPLIER')),
    text text not null,
    created_at {time} not null,
    feed_position {bigint} unique,
    storefront_id {uuid},
    buyer_id {uuid},
    supplier_id {uuid}
){strict}
---
create index message_conversation on message (conversation_id, id)
---
create index message_unsequenced on message (id) where feed_position is null
---
create index message_storefront on message (storefront_id, feed_position) where storefront_id is not null
---
create index message_buyer on message (buyer_id, feed_position) where buyer_id is not null
---
create index message_supplier on message (supplier_id, feed_position) where supplier_id is not null";
