//! The fields of an order, as its viewer sees it.

use async_graphql::connection::Connection;
use async_graphql::{Context, ID, Object, Result};
use chrono::{DateTime, Utc};
use entity::OrderStatus::{AwaitingConfirmation, AwaitingPayment, DraftRequested};
use entity::refund;

use crate::auth::Viewer;
use crate::graphql::base::page::{Page, connection};
use crate::graphql::base::request::{app, viewer};
use crate::graphql::base::scalars::{CurrencyCode, int};
use crate::graphql::catalog::product::Product;
use crate::graphql::catalog::supplier::Supplier;
use crate::graphql::dispute::evidence::Evidence;
use crate::graphql::dispute::object::Dispute;
use crate::graphql::loader::catalog::ConversationsOf;
use crate::graphql::loader::order::{
    CancelRequestsOf, ChargebacksOf, ContractOf, ContractVersion, DisputesOf, EventsOf, EvidenceOf, FeedbackOf,
    PaymentsOf, ReceiptsOf, RefundAccountsOf, RefundsOf, ShipmentOf, VersionsOf, loader,
};
use crate::graphql::messaging::conversation::Conversation;
use crate::graphql::order::cancel::CancelRequest;
use crate::graphql::order::contract::Contract;
use crate::graphql::order::event::OrderEvent;
use crate::graphql::order::feedback::Feedback;
use crate::graphql::order::object::Order;
use crate::graphql::order::parts::{
    AvailableAction, DraftRequest, Escrow, FrozenBy, MetadataEntry, OrderStatus, Shipment,
};
use crate::graphql::party::people::Buyer;
use crate::graphql::payment::chargeback::Chargeback;
use crate::graphql::payment::method::PaymentMethodOption;
use crate::graphql::payment::object::Payment;
use crate::graphql::refund::object::{Refund, RefundAccount};
use crate::graphql::refund::unapplied::UnappliedFunds;
use crate::order::TimelineKey;
use crate::payment as payments;

/// An order: what is traded, on which terms, and where its money is.
#[Object]
impl Order {
    /// Begins with `order_`.
    pub async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// What people read to each other: "SP-7K3M9QX4".
    async fn number(&self) -> &str {
        &self.0.number
    }

    /// Where it stands.
    async fn status(&self) -> OrderStatus {
        self.0.status.into()
    }

    /// Grows with every change; pass it as `expectedVersion` to act only on what you have seen.
    async fn version(&self) -> i32 {
        int(self.0.version)
    }

    /// All its amounts are in this currency.
    async fn currency(&self) -> CurrencyCode {
        CurrencyCode(self.0.currency.code().to_owned())
    }

    /// The terms on the table: the newest version, or the one asked for. Null while the supplier has drafted
    /// none, and if there is no such version.
    async fn contract(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "1 is the first; the newest if left out.")] version: Option<i32>,
    ) -> Option<Result<Contract>> {
        let found = match version {
            Some(version) => loader(ctx).load_one(ContractVersion(self.0.id, version)).await,
            None => loader(ctx).load_one(ContractOf(self.0.id)).await,
        };
        found.map(|row| row.map(Contract)).map_err(Into::into).transpose()
    }

    /// All versions of its contract, oldest first.
    async fn contracts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most 100; 20 unless given.")] first: Option<i32>,
        #[graphql(desc = "The endCursor of the page before.")] after: Option<String>,
    ) -> Option<Result<Connection<String, Contract>>> {
        Some(self.page_of_contracts(ctx, first, after).await)
    }

    /// Where the order's money is.
    async fn escrow(&self) -> Escrow {
        let row = &self.0;
        let money = |amount| entity::Money::new(amount, row.currency).into();
        let is_owed = matches!(row.status, DraftRequested | AwaitingConfirmation | AwaitingPayment);
        // What was taken back has not arrived.
        let arrived = row.captured.0.saturating_sub(row.charged_back.0);
        let missing = if is_owed { row.total.0.saturating_sub(arrived).max(0) } else { 0 };
        Escrow {
            captured: money(row.captured),
            held: money(row.held),
            released: money(row.released),
            refunded: money(row.refunded),
            charged_back: money(row.charged_back),
            due: money(entity::MinorUnits(missing)),
        }
    }

    /// When something happens by itself: usually, that the present status ends; in a dispute, the next thing of its clocks.
    /// Null if nothing does, and while the order is frozen.
    async fn deadline(&self) -> Option<DateTime<Utc>> {
        self.0.deadline_at.filter(|_| !self.0.is_frozen())
    }

    /// The supplier ships by then, or the buyer may cancel alone. Set when the order is funded; null before.
    async fn ship_by(&self) -> Option<DateTime<Utc>> {
        self.0.ship_by
    }

    /// True while a chargeback or an operator stops all money and all clocks.
    async fn frozen(&self) -> bool {
        self.0.is_frozen()
    }

    /// Since when; null if it is not frozen.
    async fn frozen_at(&self) -> Option<DateTime<Utc>> {
        self.0.frozen_at
    }

    /// Who did it; null if it is not frozen.
    async fn frozen_by(&self) -> Option<FrozenBy> {
        let by = if self.0.frozen_by_operator { FrozenBy::Operator } else { FrozenBy::Chargeback };
        self.0.is_frozen().then_some(by)
    }

    /// Who sells.
    async fn supplier(&self, ctx: &Context<'_>) -> Result<Supplier> {
        Supplier::load(ctx, self.0.supplier_id).await
    }

    /// The product of a Buy Now or a draft request, if there is just one. Null also if it is withdrawn and not your own.
    async fn product(&self, ctx: &Context<'_>) -> Option<Result<Product>> {
        let product_id = match loader(ctx).load_one(ContractOf(self.0.id)).await {
            Ok(Some(contract)) if contract.terms.lines.len() == 1 => {
                contract.terms.lines.first().and_then(|line| line.product_id)
            }
            Ok(_) => self.0.draft_request.as_ref().and_then(|request| request.product_id),
            Err(error) => return Some(Err(error.into())),
        };
        Product::load(ctx, product_id?).await.transpose()
    }

    /// The id of the buyer, also for the supplier: begins with `buyer_`.
    async fn buyer_id(&self) -> ID {
        ID(self.0.buyer_id.to_string())
    }

    /// Who buys, with the storefront's own reference. Null for the supplier, whose business that is not.
    async fn buyer(&self, ctx: &Context<'_>) -> Option<Result<Buyer>> {
        match viewer(ctx) {
            Viewer::Supplier { .. } | Viewer::Anonymous => None,
            Viewer::Storefront { .. } | Viewer::Buyer { .. } | Viewer::Operator { .. } => {
                let row = loader(ctx).load_one(self.0.buyer_id).await;
                row.map(|row| row.map(Buyer::from)).map_err(Into::into).transpose()
            }
        }
    }

    /// Attempts to pay it, oldest first.
    async fn payments(&self, ctx: &Context<'_>) -> Result<Vec<Payment>> {
        let rows = loader(ctx).load_one(PaymentsOf(self.0.id)).await?.unwrap_or_default();
        Ok(rows.into_iter().map(Payment).collect())
    }

    /// Money that went, or is going, back to the buyer, oldest first.
    async fn refunds(&self, ctx: &Context<'_>) -> Result<Vec<Refund>> {
        let rows: Vec<refund::Model> = loader(ctx).load_one(RefundsOf(self.0.id)).await?.unwrap_or_default();
        Ok(rows.into_iter().map(Refund).collect())
    }

    /// Money that arrived with this order's reference but could not be applied to it.
    async fn unapplied_funds(&self, ctx: &Context<'_>) -> Result<Vec<UnappliedFunds>> {
        let rows = loader(ctx).load_one(ReceiptsOf(self.0.id)).await?.unwrap_or_default();
        Ok(rows.into_iter().map(UnappliedFunds).collect())
    }

    /// What card companies and banks took back, oldest first.
    async fn chargebacks(&self, ctx: &Context<'_>) -> Result<Vec<Chargeback>> {
        let rows = loader(ctx).load_one(ChargebacksOf(self.0.id)).await?.unwrap_or_default();
        Ok(rows.into_iter().map(Chargeback).collect())
    }

    /// How often the buyer asked to cancel while it was under way, oldest first.
    async fn cancel_requests(&self, ctx: &Context<'_>) -> Result<Vec<CancelRequest>> {
        let rows = loader(ctx).load_one(CancelRequestsOf(self.0.id)).await?.unwrap_or_default();
        Ok(rows.into_iter().map(CancelRequest::from).collect())
    }

    /// The dispute that is open, or else the latest; null if there never was one.
    async fn dispute(&self, ctx: &Context<'_>) -> Option<Result<Dispute>> {
        let rows = loader(ctx).load_one(DisputesOf(self.0.id)).await;
        let newest = rows.map(|rows| rows.and_then(|mut rows| rows.pop()).map(|row| Dispute::of(&self.0, row)));
        newest.map_err(Into::into).transpose()
    }

    /// All of them, oldest first; at most one is open.
    async fn disputes(&self, ctx: &Context<'_>) -> Result<Vec<Dispute>> {
        let rows = loader(ctx).load_one(DisputesOf(self.0.id)).await?.unwrap_or_default();
        Ok(rows.into_iter().map(|row| Dispute::of(&self.0, row)).collect())
    }

    /// What was put forward, oldest first.
    async fn evidence(&self, ctx: &Context<'_>) -> Result<Vec<Evidence>> {
        let rows = loader(ctx).load_one(EvidenceOf(self.0.id)).await?.unwrap_or_default();
        crate::graphql::loader::catalog::loader(ctx)
            .loader()
            .take_rows(u64::try_from(rows.len()).unwrap_or(u64::MAX))?;
        Ok(rows.into_iter().map(Evidence).collect())
    }

    /// The conversations about it, the one written in last first; at most 20.
    async fn conversations(&self, ctx: &Context<'_>) -> Result<Vec<Conversation>> {
        let rows = crate::graphql::loader::catalog::loader(ctx)
            .load_one(ConversationsOf(self.0.id))
            .await?
            .unwrap_or_default();
        crate::graphql::loader::catalog::loader(ctx)
            .loader()
            .take_rows(u64::try_from(rows.len()).unwrap_or(u64::MAX))?;
        Ok(rows.into_iter().map(Conversation).collect())
    }

    /// Where refunds go that can't go back the way the money came; null while the buyer has not said. For the buyer, the
    /// storefront and operators; null for others.
    async fn refund_account(&self, ctx: &Context<'_>) -> Option<Result<RefundAccount>> {
        if matches!(viewer(ctx), Viewer::Supplier { .. } | Viewer::Anonymous) {
            return None;
        }
        let rows = loader(ctx).load_one(RefundAccountsOf(self.0.id)).await;
        // The newest counts.
        let newest = rows.map(|rows| rows.and_then(|mut rows| rows.pop()).map(RefundAccount::from));
        newest.map_err(Into::into).transpose()
    }

    /// What the supplier sent; null until then.
    async fn shipment(&self, ctx: &Context<'_>) -> Option<Result<Shipment>> {
        loader(ctx)
            .load_one(ShipmentOf(self.0.id))
            .await
            .map(|row| row.map(Shipment::from))
            .map_err(Into::into)
            .transpose()
    }

    /// What the buyer thought of it; null until the buyer has left any.
    async fn feedback(&self, ctx: &Context<'_>) -> Option<Result<Feedback>> {
        loader(ctx)
            .load_one(FeedbackOf(self.0.id))
            .await
            .map(|row| row.map(Feedback::from))
            .map_err(Into::into)
            .transpose()
    }

    /// What the buyer asked the supplier to draft; null if the order began otherwise.
    async fn draft_request(&self) -> Option<DraftRequest> {
        self.0.draft_request.as_ref().map(|request| DraftRequest {
            product_id: request.product_id.map(|id| ID(id.to_string())),
            quantity: request.quantity.and_then(|quantity| i32::try_from(quantity).ok()),
            message: request.message.clone(),
            shipping_address: request.shipping_address.clone().into(),
        })
    }

    /// The storefront's own id of the order; null if it gave none, and for the supplier.
    async fn client_reference(&self, ctx: &Context<'_>) -> Option<&str> {
        self.0.client_reference.as_deref().filter(|_| !matches!(viewer(ctx), Viewer::Supplier { .. }))
    }

    /// The storefront's own keys and values; none for the supplier.
    async fn metadata(&self, ctx: &Context<'_>) -> Vec<MetadataEntry> {
        if matches!(viewer(ctx), Viewer::Supplier { .. }) {
            return Vec::new();
        }
        self.0.metadata.0.iter().map(|(key, value)| MetadataEntry { key: key.clone(), value: value.clone() }).collect()
    }

    /// What this viewer can do now, with what would follow.
    async fn available_actions(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = false, desc = "Also what this viewer can't do now, and why not.")]
        include_unavailable: bool,
    ) -> Result<Vec<AvailableAction>> {
        self.actions(ctx, include_unavailable).await
    }

    /// How it can be paid: every method, with why not where it can't.
    async fn payment_methods(&self, ctx: &Context<'_>) -> Vec<PaymentMethodOption> {
        let options = payments::payment_methods(app(ctx), &self.0).into_iter();
        options.map(|option| PaymentMethodOption::new(option, self.0.currency)).collect()
    }

    /// What happened to it, oldest first, without a gap.
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most 100; 20 unless given.")] first: Option<i32>,
        #[graphql(desc = "The endCursor of the page before.")] after: Option<String>,
    ) -> Option<Result<Connection<String, OrderEvent>>> {
        Some(self.page_of_events(ctx, first, after).await)
    }

    /// When it was begun.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When it last changed.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.0.updated_at
    }

    /// When it became COMPLETED; null until then.
    async fn completed_at(&self) -> Option<DateTime<Utc>> {
        self.0.completed_at
    }
}

impl Order {
    async fn page_of_contracts(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<Connection<String, Contract>> {
        let page: Page<i32> = Page::parse(first, after.as_deref())?;
        crate::graphql::loader::catalog::loader(ctx).loader().take_rows(page.limit)?;
        let wanted = VersionsOf { order_id: self.0.id, after: page.after.unwrap_or(0), limit: page.fetch() };
        let rows = loader(ctx).load_one(wanted).await?.unwrap_or_default();
        Ok(connection(rows, &page, |row| row.version, Contract))
    }

    async fn page_of_events(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<Connection<String, OrderEvent>> {
        let page: Page<TimelineKey> = Page::parse(first, after.as_deref())?;
        crate::graphql::loader::catalog::loader(ctx).loader().take_rows(page.limit)?;
        let wanted =
            EventsOf { order_id: self.0.id, after: page.after.unwrap_or_default().sequence, limit: page.fetch() };
        let rows = loader(ctx).load_one(wanted).await?.unwrap_or_default();
        let number = self.0.number.clone();
        Ok(connection(
            rows,
            &page,
            |row| TimelineKey { sequence: row.sequence },
            |row| OrderEvent { row, order_number: number.clone() },
        ))
    }
}
