//! Which rows exist for a viewer, table by table. What a finder doesn't get from here isn't there: for a row of somebody
//! else there is no refusal, only "not found".
//!
//! Here is who sees a row, and nothing else: which of them are wanted (not deleted, newest first, a page) says the finder.

use entity::{
    buyer, conversation, credential, event, file, message, order, payout, payout_account, product, storefront,
    webhook_delivery, webhook_endpoint,
};
use sea_orm::sea_query::{Expr, Query, SelectStatement};
use sea_orm::{ColumnTrait, Condition};

use crate::auth::Viewer;

fn all() -> Condition {
    Condition::all()
}

fn none() -> Condition {
    Condition::all().add(Expr::cust("1 = 0"))
}

fn operators_only(viewer: &Viewer) -> Condition {
    match viewer {
        Viewer::Operator { .. } => all(),
        Viewer::Anonymous | Viewer::Storefront { .. } | Viewer::Buyer { .. } | Viewer::Supplier { .. } => none(),
    }
}

/// An order is its buyer's, its supplier's and its storefront's.
#[must_use]
pub fn orders(viewer: &Viewer) -> Condition {
    match viewer {
        Viewer::Anonymous => none(),
        Viewer::Storefront { storefront_id } => all().add(order::Column::StorefrontId.eq(*storefront_id)),
        Viewer::Buyer { buyer_id, .. } => all().add(order::Column::BuyerId.eq(*buyer_id)),
        Viewer::Supplier { supplier_id } => all().add(order::Column::SupplierId.eq(*supplier_id)),
        Viewer::Operator { .. } => all(),
    }
}

fn order_ids(viewer: &Viewer) -> SelectStatement {
    Query::select().column(order::Column::Id).from(order::Entity).cond_where(orders(viewer)).to_owned()
}

/// What hangs on an order (contracts, proposals, payments, shipments, disputes, evidence, chargebacks, feedback …) exists
/// for whom the order exists. `order_id` is the column of that table.
#[must_use]
pub fn of_orders(viewer: &Viewer, order_id: impl ColumnTrait) -> Condition {
    all().add(order_id.in_subquery(order_ids(viewer)))
}

/// As [`of_orders`]; an operator also sees what belongs to no order (money that nobody knows, and its refunds).
#[must_use]
pub fn of_orders_or_of_none(viewer: &Viewer, order_id: impl ColumnTrait) -> Condition {
    match viewer {
        Viewer::Operator { .. } => all(),
        Viewer::Anonymous | Viewer::Storefront { .. } | Viewer::Buyer { .. } | Viewer::Supplier { .. } => {
            of_orders(viewer, order_id)
        }
    }
}

/// As the orders. An order never changes hands, so events keep whose they are: what one storefront asks for is found
/// without looking through everybody's.
#[must_use]
pub fn events(viewer: &Viewer) -> Condition {
    match viewer {
        Viewer::Anonymous => none(),
        Viewer::Storefront { storefront_id } => all().add(event::Column::StorefrontId.eq(*storefront_id)),
        Viewer::Buyer { buyer_id, .. } => all().add(event::Column::BuyerId.eq(*buyer_id)),
        Viewer::Supplier { supplier_id } => all().add(event::Column::SupplierId.eq(*supplier_id)),
        Viewer::Operator { .. } => all(),
    }
}

/// Where the buyer wants refunds is not the supplier's business.
#[must_use]
pub fn refund_accounts(viewer: &Viewer, order_id: impl ColumnTrait) -> Condition {
    match viewer {
        Viewer::Supplier { .. } | Viewer::Anonymous => none(),
        Viewer::Buyer { .. } | Viewer::Storefront { .. } | Viewer::Operator { .. } => of_orders(viewer, order_id),
    }
}

/// A supplier's own, an operator's all.
#[must_use]
pub fn payouts(viewer: &Viewer) -> Condition {
    match viewer {
        Viewer::Operator { .. } => all(),
        Viewer::Supplier { supplier_id } => all().add(payout::Column::SupplierId.eq(*supplier_id)),
        Viewer::Anonymous | Viewer::Storefront { .. } | Viewer::Buyer { .. } => none(),
    }
}

/// A supplier's own; not even an operator reads where a supplier is paid.
#[must_use]
pub fn payout_accounts(viewer: &Viewer) -> Condition {
    match viewer {
        Viewer::Supplier { supplier_id } => all().add(payout_account::Column::SupplierId.eq(*supplier_id)),
        Viewer::Anonymous | Viewer::Storefront { .. } | Viewer::Buyer { .. } | Viewer::Operator { .. } => none(),
    }
}

/// The books (transfers), what providers sent (notifications), and what didn't match (breaks) are the operators'.
#[must_use]
pub fn books(viewer: &Viewer) -> Condition {
    operators_only(viewer)
}

/// A buyer and a supplier see their own conversations, a storefront those of its buyers.
#[must_use]
pub fn conversations(viewer: &Viewer) -> Condition {
    match viewer {
        Viewer::Anonymous => none(),
        Viewer::Buyer { buyer_id, .. } => all().add(conversation::Column::BuyerId.eq(*buyer_id)),
        Viewer::Supplier { supplier_id } => all().add(conversation::Column::SupplierId.eq(*supplier_id)),
        Viewer::Storefront { storefront_id } => {
            let buyers = Query::select()
                .column(buyer::Column::Id)
                .from(buyer::Entity)
                .and_where(buyer::Column::StorefrontId.eq(*storefront_id))
                .to_owned();
            all().add(conversation::Column::BuyerId.in_subquery(buyers))
        }
        Viewer::Operator { .. } => all(),
    }
}

/// The messages of the viewer's conversations.
#[must_use]
pub fn messages(viewer: &Viewer) -> Condition {
    let seen = Query::select()
        .column(conversation::Column::Id)
        .from(conversation::Entity)
        .cond_where(conversations(viewer))
        .to_owned();
    all().add(message::Column::ConversationId.in_subquery(seen))
}

/// The same as [`messages`], for the feed: messages keep whose they are, so that it is found by an index of one table.
#[must_use]
pub fn messages_in_feed(viewer: &Viewer) -> Condition {
    match viewer {
        Viewer::Anonymous => none(),
        Viewer::Storefront { storefront_id } => all().add(message::Column::StorefrontId.eq(*storefront_id)),
        Viewer::Buyer { buyer_id, .. } => all().add(message::Column::BuyerId.eq(*buyer_id)),
        Viewer::Supplier { supplier_id } => all().add(message::Column::SupplierId.eq(*supplier_id)),
        Viewer::Operator { .. } => all(),
    }
}

/// Files that are attached: as evidence about the viewer's orders, or to messages that the viewer sees. (Who sees an order
/// sees the messages that are cited as evidence about it: its buyer and its supplier wrote them.)
#[must_use]
pub fn files(viewer: &Viewer) -> Condition {
    let read =
        Query::select().column(message::Column::Id).from(message::Entity).cond_where(messages(viewer)).to_owned();
    let is_evidence = all().add(file::Column::MessageId.is_null()).add(of_orders(viewer, file::Column::OrderId));
    let is_attachment = file::Column::MessageId.in_subquery(read);
    all().add(file::Column::AttachedAt.is_not_null()).add(Condition::any().add(is_evidence).add(is_attachment))
}

/// A product, if it is listed; a withdrawn one only for its supplier and for operators.
#[must_use]
pub fn products(viewer: &Viewer) -> Condition {
    let listed = product::Column::Active.eq(true);
    match viewer {
        Viewer::Operator { .. } => all(),
        Viewer::Supplier { supplier_id } => {
            Condition::any().add(listed).add(product::Column::SupplierId.eq(*supplier_id))
        }
        Viewer::Anonymous | Viewer::Storefront { .. } | Viewer::Buyer { .. } => all().add(listed),
    }
}

/// A buyer sees itself, a storefront its buyers, an operator all. To a supplier a buyer is an id.
#[must_use]
pub fn buyers(viewer: &Viewer) -> Condition {
    match viewer {
        Viewer::Operator { .. } => all(),
        Viewer::Storefront { storefront_id } => all().add(buyer::Column::StorefrontId.eq(*storefront_id)),
        Viewer::Buyer { buyer_id, .. } => all().add(buyer::Column::Id.eq(*buyer_id)),
        Viewer::Anonymous | Viewer::Supplier { .. } => none(),
    }
}

/// A storefront sees itself, a buyer its storefront, an operator all.
#[must_use]
pub fn storefronts(viewer: &Viewer) -> Condition {
    match viewer {
        Viewer::Operator { .. } => all(),
        Viewer::Storefront { storefront_id } | Viewer::Buyer { storefront_id, .. } => {
            all().add(storefront::Column::Id.eq(*storefront_id))
        }
        Viewer::Anonymous | Viewer::Supplier { .. } => none(),
    }
}

/// Operators see each other.
#[must_use]
pub fn operators(viewer: &Viewer) -> Condition {
    operators_only(viewer)
}

/// Everybody sees the credentials of their own, a storefront also the sessions of its buyers, an operator all.
#[must_use]
pub fn credentials(viewer: &Viewer) -> Condition {
    match viewer {
        Viewer::Operator { .. } => all(),
        Viewer::Storefront { storefront_id } => all().add(credential::Column::StorefrontId.eq(*storefront_id)),
        Viewer::Buyer { buyer_id, .. } => all().add(credential::Column::BuyerId.eq(*buyer_id)),
        Viewer::Supplier { supplier_id } => all().add(credential::Column::SupplierId.eq(*supplier_id)),
        Viewer::Anonymous => none(),
    }
}

/// Of the credentials that the viewer sees the viewer's own: a storefront's without its buyers' sessions, an operator's
/// without everybody else's.
#[must_use]
pub fn own_credentials(viewer: &Viewer) -> Condition {
    match viewer {
        Viewer::Anonymous => none(),
        Viewer::Storefront { storefront_id } => {
            all().add(credential::Column::StorefrontId.eq(*storefront_id)).add(credential::Column::BuyerId.is_null())
        }
        Viewer::Buyer { buyer_id, .. } => all().add(credential::Column::BuyerId.eq(*buyer_id)),
        Viewer::Supplier { supplier_id } => all().add(credential::Column::SupplierId.eq(*supplier_id)),
        Viewer::Operator { operator_id } => all().add(credential::Column::OperatorId.eq(*operator_id)),
    }
}

/// A storefront sees its own webhook endpoints, an operator all; for others there are none.
#[must_use]
pub fn webhook_endpoints(viewer: &Viewer) -> Condition {
    match viewer {
        Viewer::Storefront { storefront_id } => all().add(webhook_endpoint::Column::StorefrontId.eq(*storefront_id)),
        Viewer::Operator { .. } => all(),
        Viewer::Anonymous | Viewer::Buyer { .. } | Viewer::Supplier { .. } => none(),
    }
}

/// As [`webhook_endpoints`], also of those that are deleted.
#[must_use]
pub fn webhook_deliveries(viewer: &Viewer) -> Condition {
    match viewer {
        Viewer::Storefront { storefront_id } => all().add(webhook_delivery::Column::StorefrontId.eq(*storefront_id)),
        Viewer::Operator { .. } => all(),
        Viewer::Anonymous | Viewer::Buyer { .. } | Viewer::Supplier { .. } => none(),
    }
}
