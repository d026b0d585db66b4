//! Payouts: released money on its way to suppliers' banks, and those that operators pay by hand.

use async_graphql::connection::Connection;
use async_graphql::{Context, Enum, ID, InputObject, Object, Result};
use chrono::{DateTime, Utc};
use entity::{LedgerAccount, OperatorId, PayoutId, payout, payout_account};
use sea_orm::EntityTrait;

use crate::auth::Viewer;
use crate::error::{Error, ErrorCode, Result as Outcome};
use crate::graphql::base::page::{Page, connection};
use crate::graphql::base::payload::{answer, payloads};
use crate::graphql::base::request::{app, idempotency_key, viewer};
use crate::graphql::base::scalars::Money;
use crate::graphql::catalog::supplier::Supplier;
use crate::graphql::refund::object::BankDetails;
use crate::idempotency::IdempotencyKey;
use crate::ledger;
use crate::party;
use crate::payment::{self as payments, ManualPayout};
use crate::validate::Checks;
use escrow::BY_HAND;

/// How far a payout has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "entity::payout::PayoutStatus")]
pub enum PayoutStatus {
    /// In our books; the provider has not been asked yet.
    Requested,
    /// With the provider.
    Pending,
    /// It is in the bank, or the provider says so.
    Paid,
    /// It went back to the supplier's balance.
    Failed,
    /// It came back after it had been paid, and went back to the supplier's balance.
    Returned,
    /// No provider pays it: an operator has to, by hand.
    ActionRequired,
    /// One operator asked to pay it by hand; another has to approve.
    ApprovalRequired,
}

pub struct Payout(pub payout::Model);

/// Released money on its way to a supplier's bank.
#[Object]
impl Payout {
    /// Begins with `payout_`.
    pub async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// Whose money it is.
    async fn supplier(&self, ctx: &Context<'_>) -> Result<Supplier> {
        Supplier::load(ctx, self.0.supplier_id).await
    }

    /// How far it has come.
    async fn status(&self) -> PayoutStatus {
        self.0.status.into()
    }

    /// What is paid out: what was released, our fee deducted.
    async fn amount(&self) -> Money {
        entity::Money::new(self.0.amount, self.0.currency).into()
    }

    /// What banks on the way kept of it when it came back; nothing otherwise.
    async fn lost(&self) -> Money {
        entity::Money::new(self.0.lost, self.0.currency).into()
    }

    /// Why it failed; null if it has not.
    async fn failure(&self) -> Option<&str> {
        self.0.failure.as_deref()
    }

    /// By which provider it is paid; `manual` by operators. For operators; null for suppliers.
    async fn provider(&self, ctx: &Context<'_>) -> Option<&str> {
        matches!(viewer(ctx), Viewer::Operator { .. }).then_some(&self.0.provider)
    }

    /// Where to pay it by hand. For operators, while it is PENDING and approved to be paid so; null for others, and else.
    /// Looking at it is logged.
    async fn pay_to(&self, ctx: &Context<'_>) -> Option<Result<BankDetails>> {
        let Viewer::Operator { operator_id } = viewer(ctx) else { return None };
        if self.0.status != payout::PayoutStatus::Pending || self.0.provider != BY_HAND {
            return None;
        }
        Some(pay_to(ctx, operator_id, &self.0).await)
    }

    /// When it was booked.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}

async fn pay_to(ctx: &Context<'_>, operator_id: OperatorId, payout: &payout::Model) -> Result<BankDetails> {
    let account = payout_account::Entity::find_by_id(payout.payout_account_id).one(&app(ctx).db.read).await?;
    let account = account.ok_or_else(|| Error::internal(format!("{} has no account", payout.id)))?;
    let details = party::decrypt_payout_account(app(ctx), &account)?;
    tracing::info!(%operator_id, payout_id = %payout.id, "an operator looked at where to pay a payout");
    Ok(details.into())
}

#[derive(Default)]
pub struct PayoutQuery;

#[Object]
impl PayoutQuery {
    /// Supplier: what you are owed and have not been sent, one amount per currency; less than nothing after a chargeback of
    /// money that was paid out already. Operator: of any supplier.
    async fn supplier_balance(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose; for operators, who must say it.")] supplier_id: Option<ID>,
    ) -> Option<Result<Vec<Money>>> {
        Some(balances(ctx, supplier_id).await.map_err(Into::into))
    }

    /// Supplier: your payouts, newest first. Operator: everybody's.
    async fn payouts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only those in one of these; all unless given.")] statuses: Option<Vec<PayoutStatus>>,
        #[graphql(desc = "At most 100; 20 unless given.")] first: Option<i32>,
        #[graphql(desc = "The endCursor of the page before.")] after: Option<String>,
    ) -> Option<Result<Connection<String, Payout>>> {
        let find = async {
            let page = Page::parse(first, after.as_deref())?;
            let statuses: Vec<_> = statuses.unwrap_or_default().into_iter().map(Into::into).collect();
            let rows = payments::find_payouts(&app(ctx).db.read, &viewer(ctx), &statuses, &page).await?;
            Ok(connection(rows, &page, |row| row.id, Payout))
        };
        Some(find.await)
    }
}

/// What a supplier is owed and has not been sent, in one currency each: less than nothing after a chargeback of money that
/// was paid out already.
async fn balances(ctx: &Context<'_>, supplier_id: Option<ID>) -> Outcome<Vec<Money>> {
    let viewer = viewer(ctx);
    let supplier_id = match (&viewer, supplier_id) {
        (Viewer::Operator { .. }, Some(id)) => {
            let mut checks = Checks::arguments();
            let supplier_id = checks.id("supplierId", &id);
            checks.finish_with(supplier_id)?
        }
        (Viewer::Operator { .. }, None) => {
            let message = "say whose: an operator has no balance";
            return Err(Error::refused(ErrorCode::InvalidInput, message).at("supplierId"));
        }
        (Viewer::Anonymous | Viewer::Storefront { .. } | Viewer::Buyer { .. } | Viewer::Supplier { .. }, _) => {
            viewer.require_supplier()?
        }
    };
    let balances = ledger::balances(&app(ctx).db.read, &LedgerAccount::Supplier(supplier_id)).await?;
    Ok(balances.into_iter().map(Into::into).collect())
}

/// Declares an input that names a payout.
macro_rules! payout_inputs {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })+) => {$(
        $(#[$doc])*
        #[derive(InputObject)]
        pub struct $name {
            /// Makes the call once: the same key again answers the same. Fresh for each new request.
            idempotency_key: Option<String>,
            /// The payout; its provider is `manual`.
            payout_id: ID,
            $($(#[$field_doc])* $field: $type,)*
        }
    )+};
}

payout_inputs! {
    /// Ask to pay a payout by hand.
    RequestManualPayoutInput {}
    /// Let a payout be paid by hand.
    ApproveManualPayoutInput {}
    /// Don't pay a payout by hand.
    RejectManualPayoutInput {
        /// Why, in your words, which the supplier reads too; at most 2,000 characters.
        reason: String,
    }
    /// Say that a payout was paid by hand.
    ConfirmManualPayoutInput {
        /// The bank's own reference of the transfer, of this payout alone; a single line of at most 140 characters.
        bank_reference: String,
    }
}

payloads! {
    /// What `requestManualPayout` left.
    RequestManualPayoutPayload {
        /// As it is now; null if nothing was done.
        payout: Payout
    }
    /// What `approveManualPayout` left.
    ApproveManualPayoutPayload {
        /// As it is now; null if nothing was done.
        payout: Payout
    }
    /// What `rejectManualPayout` left.
    RejectManualPayoutPayload {
        /// As it is now; null if nothing was done.
        payout: Payout
    }
    /// What `confirmManualPayout` left.
    ConfirmManualPayoutPayload {
        /// As it is now; null if nothing was done.
        payout: Payout
    }
}

#[derive(Default)]
pub struct PayoutMutation;

#[Object]
impl PayoutMutation {
    /// Operator: ask that a payout which no provider makes be paid by hand. Another operator has to approve.
    async fn request_manual_payout(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: RequestManualPayoutInput,
    ) -> Result<RequestManualPayoutPayload> {
        let key = idempotency_key(ctx, &input);
        answer(settle(ctx, key, &input.payout_id, Checks::input(), ManualPayout::Request).await)
    }

    /// Operator, but not the one who asked: let a payout be paid by hand. Its `payTo` then says where to.
    async fn approve_manual_payout(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: ApproveManualPayoutInput,
    ) -> Result<ApproveManualPayoutPayload> {
        let key = idempotency_key(ctx, &input);
        answer(settle(ctx, key, &input.payout_id, Checks::input(), ManualPayout::Approve).await)
    }

    /// Operator: don't pay a payout by hand, or say that it could not be paid so, or that it came back. It is the supplier's
    /// balance again.
    async fn reject_manual_payout(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: RejectManualPayoutInput,
    ) -> Result<RejectManualPayoutPayload> {
        let mut checks = Checks::input();
        let reason = checks.text("reason", &input.reason, 2_000);
        let key = idempotency_key(ctx, &input);
        answer(settle(ctx, key, &input.payout_id, checks, ManualPayout::Reject { reason: &reason }).await)
    }

    /// Operator: say that the money has left the bank. A bank reference is booked once.
    async fn confirm_manual_payout(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: ConfirmManualPayoutInput,
    ) -> Result<ConfirmManualPayoutPayload> {
        let mut checks = Checks::input();
        let reference = checks.line("bankReference", &input.bank_reference, 140);
        let key = idempotency_key(ctx, &input);
        let confirm = ManualPayout::Confirm { bank_reference: &reference };
        answer(settle(ctx, key, &input.payout_id, checks, confirm).await)
    }
}

async fn settle(
    ctx: &Context<'_>,
    idempotency_key: Option<IdempotencyKey>,
    payout_id: &ID,
    mut checks: Checks,
    act: ManualPayout<'_>,
) -> Outcome<Payout> {
    let payout_id: PayoutId = checks.required_id("payoutId", payout_id);
    IdempotencyKey::check_in(idempotency_key.as_ref(), &mut checks);
    checks.finish()?;
    let (viewer, key) = (viewer(ctx), idempotency_key.as_ref());
    Ok(Payout(payments::settle_manual_payout(app(ctx), &viewer, key, (payout_id, act)).await?))
}
