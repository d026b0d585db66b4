//! Who the viewer is.

use async_graphql::{Context, ID, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{PayoutAccountId, payout_account};

use crate::app::App;
use crate::auth::Viewer;
use crate::graphql::base::request::{app, caller, viewer};
use crate::graphql::catalog::supplier::Supplier;
use crate::graphql::loader::order::{ActiveAccountOf, loader};
use crate::graphql::party::credential::{Credential, Role};
use crate::graphql::party::people::{Buyer, Operator, Storefront};
use crate::party::{self};

/// Where a supplier is paid. The details are kept encrypted and are never shown.
#[derive(Clone, Debug, SimpleObject)]
pub struct PayoutAccount {
    /// Begins with `payout_account_`.
    #[graphql(owned)]
    pub id: ID,
    /// Enough to recognise it: "DE•• •••• 3000".
    mask: String,
    /// Whether payouts go to it now.
    active: bool,
    /// From then on payouts go to it, unless another account is set before.
    active_from: DateTime<Utc>,
    /// When it was set.
    created_at: DateTime<Utc>,
}

impl PayoutAccount {
    /// None if it isn't the viewer's.
    pub(crate) async fn find(ctx: &Context<'_>, id: PayoutAccountId) -> Result<Option<Self>> {
        let Some(row) = loader(ctx).load_one(id).await? else { return Ok(None) };
        let active = loader(ctx).load_one(ActiveAccountOf(row.supplier_id)).await?;
        let active = active.is_some_and(|active| active.id == row.id);
        Ok(Some(Self::new(row, active)))
    }

    pub(super) fn new(row: payout_account::Model, active: bool) -> Self {
        Self {
            id: ID(row.id.to_string()),
            mask: row.mask,
            active,
            active_from: row.active_from,
            created_at: row.created_at,
        }
    }
}

pub struct ViewerObject(Viewer);

/// Whoever holds the credential of this request.
#[Object(name = "Viewer")]
impl ViewerObject {
    /// What the credential may be used for.
    async fn role(&self) -> Role {
        match self.0 {
            Viewer::Storefront { .. } => Role::Storefront,
            Viewer::Buyer { .. } => Role::Buyer,
            Viewer::Supplier { .. } => Role::Supplier,
            // Nobody is no viewer.
            Viewer::Operator { .. } | Viewer::Anonymous => Role::Operator,
        }
    }

    /// The credential that this request came with.
    async fn credential(&self, ctx: &Context<'_>) -> Option<Result<Credential>> {
        let row = party::find_own_credential(&app(ctx).db.read, &caller(ctx)).await;
        row.map(|row| row.map(Credential::from)).map_err(Into::into).transpose()
    }

    /// The storefront, for a storefront and its buyers.
    async fn storefront(&self, ctx: &Context<'_>) -> Option<Result<Storefront>> {
        let (Viewer::Storefront { storefront_id } | Viewer::Buyer { storefront_id, .. }) = self.0 else { return None };
        let shop = party::find_shop(&app(ctx).db.read, storefront_id).await;
        shop.map(|shop| shop.map(Storefront::from)).map_err(Into::into).transpose()
    }

    /// The buyer, for a buyer.
    async fn buyer(&self, ctx: &Context<'_>) -> Option<Result<Buyer>> {
        let Viewer::Buyer { buyer_id, .. } = self.0 else { return None };
        let row = party::find_buyer(&app(ctx).db.read, buyer_id).await;
        row.map(|row| row.map(Buyer::from)).map_err(Into::into).transpose()
    }

    /// The supplier, for a supplier.
    async fn supplier(&self, ctx: &Context<'_>) -> Option<Result<Supplier>> {
        let Viewer::Supplier { supplier_id } = self.0 else { return None };
        Some(Supplier::load(ctx, supplier_id).await)
    }

    /// The operator, for an operator.
    async fn operator(&self, ctx: &Context<'_>) -> Option<Result<Operator>> {
        let Viewer::Operator { operator_id } = self.0 else { return None };
        let row = party::find_operator(&app(ctx).db.read, operator_id).await;
        row.map(|row| row.map(Operator::from)).map_err(Into::into).transpose()
    }

    /// A supplier's own payout accounts, the newest first; null for others.
    async fn payout_accounts(&self, ctx: &Context<'_>) -> Option<Result<Vec<PayoutAccount>>> {
        let Viewer::Supplier { supplier_id } = self.0 else { return None };
        let App { db, clock, .. } = app(ctx);
        let find = async {
            let active = party::find_active_payout_account(&db.read, supplier_id, clock.now()).await?;
            let rows = party::find_payout_accounts(&db.read, self.0).await?;
            let is_active = |row: &payout_account::Model| active.as_ref().is_some_and(|active| active.id == row.id);
            Ok(rows
                .into_iter()
                .map(|row| {
                    let active = is_active(&row);
                    PayoutAccount::new(row, active)
                })
                .collect())
        };
        Some(find.await)
    }
}

/// Who the viewer is.
#[derive(Default)]
pub struct PartyQuery;

#[Object]
impl PartyQuery {
    /// Whoever holds the credential of this request; null without one.
    async fn viewer(&self, ctx: &Context<'_>) -> Option<ViewerObject> {
        match viewer(ctx) {
            Viewer::Anonymous => None,
            viewer @ (Viewer::Storefront { .. }
            | Viewer::Buyer { .. }
            | Viewer::Supplier { .. }
            | Viewer::Operator { .. }) => Some(ViewerObject(viewer)),
        }
    }
}
