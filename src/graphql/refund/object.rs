//! Money on its way back to the buyer, and where it may go if not the way it came.

use async_graphql::{Context, ID, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{OperatorId, OrderId, RefundId, Time, refund, refund_account};

use crate::auth::Viewer;
use crate::bank_account;
use crate::graphql::base::request::{app, viewer};
use crate::graphql::base::scalars::{CountryCode, CurrencyCode, Money};
use crate::graphql::loader::order::{RefundAccountsOf, loader};
use crate::graphql::party::people::Operator;
use entity::BankAccount;
use entity::bank_country::iban_country;
use entity::clearing::ClearingSystem;
use escrow::BY_HAND;

/// How far a refund has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(remote = "entity::refund::RefundStatus")]
pub enum RefundStatus {
    /// In our books; the provider has not answered yet, or the order is frozen.
    Requested,
    /// The rail needs to know the buyer's bank account: `provideRefundAccount`.
    PayeeDetailsRequired,
    /// With the provider, or being paid by hand.
    Pending,
    /// It was sent.
    Succeeded,
    /// It failed, or the rail can't: an operator pays it by hand. The money is still the buyer's.
    ActionRequired,
    /// An operator asked to pay it by hand; another one has to approve.
    ApprovalRequired,
    /// A chargeback took all of it: the buyer got the money that way.
    ChargedBack,
}

/// A bank account to pay to by hand.
#[derive(SimpleObject)]
pub struct BankDetails {
    /// In whose name it is.
    account_holder: String,
    /// Where the bank is.
    country: CountryCode,
    /// Without blanks; null if the country has none.
    iban: Option<String>,
    /// Null if there is an IBAN.
    account_number: Option<String>,
    /// The bank's name; null if there is an IBAN.
    bank_name: Option<String>,
    /// 8 or 11 characters; null if it was not said.
    bic: Option<String>,
    /// The bank's code in its country's clearing, as `clearingSystem` names it; null if it was not said.
    clearing_code: Option<String>,
    /// Which clearing: ISO 20022's code, such as USABA; null without a code.
    clearing_system: Option<&'static str>,
    /// Where the holder lives; null if it was not said.
    holder_address: Option<HolderAddress>,
    /// The account's own currency; null if it takes any.
    currency: Option<CurrencyCode>,
}

/// Where the holder of an account lives.
#[derive(SimpleObject)]
pub struct HolderAddress {
    /// Without the number of the house.
    street: Option<String>,
    /// The number of the house.
    building: Option<String>,
    /// As it is written there.
    postcode: Option<String>,
    /// Where it is.
    town: String,
    /// A province or state.
    subdivision: Option<String>,
    /// ISO 3166-1 alpha-2.
    country: CountryCode,
}

impl From<entity::HolderAddress> for HolderAddress {
    fn from(address: entity::HolderAddress) -> Self {
        Self {
            street: address.street,
            building: address.building,
            postcode: address.postcode,
            town: address.town,
            subdivision: address.subdivision,
            country: CountryCode(address.country),
        }
    }
}

impl From<BankAccount> for BankDetails {
    fn from(account: BankAccount) -> Self {
        let system = ClearingSystem::of(iban_country(&account.country)).filter(|_| account.clearing_code.is_some());
        Self {
            account_holder: account.account_holder,
            clearing_system: system.map(|system| system.code),
            clearing_code: account.clearing_code,
            holder_address: account.holder_address.map(Into::into),
            country: CountryCode(account.country),
            iban: account.iban,
            account_number: account.account_number,
            bank_name: account.bank_name,
            bic: account.bic,
            currency: account.currency.map(|currency| CurrencyCode(currency.code().to_owned())),
        }
    }
}

/// Where refunds of an order may be sent that can't go back the way the money came. The details are kept encrypted.
#[derive(SimpleObject)]
pub struct RefundAccount {
    /// Begins with `refund_account_`.
    #[graphql(owned)]
    pub id: ID,
    /// Enough to recognise it: "DE•• •••• 3000".
    mask: String,
    /// When the buyer said it.
    created_at: DateTime<Utc>,
}

impl From<refund_account::Model> for RefundAccount {
    fn from(row: refund_account::Model) -> Self {
        Self { id: ID(row.id.to_string()), mask: row.mask, created_at: row.created_at }
    }
}

pub struct Refund(pub refund::Model);

impl Refund {
    /// None if it isn't of one of the viewer's orders.
    pub(crate) async fn find(ctx: &Context<'_>, id: RefundId) -> Result<Option<Self>> {
        Ok(loader(ctx).load_one(id).await?.map(Self))
    }

    /// Of a refund of no order.
    fn payee(&self, ctx: &Context<'_>, operator_id: OperatorId) -> Result<Option<BankDetails>> {
        let Some(sealed) = &self.0.encrypted_payee else { return Ok(None) };
        let details = bank_account::decrypt(&app(ctx).cipher, &self.0.id.to_string(), sealed)?;
        tracing::info!(%operator_id, refund_id = %self.0.id, "an operator looked at where to pay a refund of no order");
        Ok(Some(details.into()))
    }

    fn money(&self, amount: entity::MinorUnits) -> Money {
        entity::Money::new(amount, self.0.currency).into()
    }
}

/// Money on its way back to the buyer.
#[Object]
impl Refund {
    /// Begins with `refund_`.
    pub async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// The order that it is of; null for money that belongs to none.
    async fn order_id(&self) -> Option<ID> {
        self.0.order_id.map(|id| ID(id.to_string()))
    }

    /// The payment company that sends it, or `manual`; null for the supplier.
    async fn provider(&self, ctx: &Context<'_>) -> Option<&str> {
        (!matches!(viewer(ctx), Viewer::Supplier { .. })).then_some(self.0.provider.as_str())
    }

    /// What it is called at the provider, in our words; null for the supplier.
    async fn reference(&self, ctx: &Context<'_>) -> Option<&str> {
        (!matches!(viewer(ctx), Viewer::Supplier { .. })).then_some(self.0.reference.as_str())
    }

    /// The provider's own id of it; null until it has answered, and for all but the operator and the storefront.
    async fn provider_reference(&self, ctx: &Context<'_>) -> Option<&str> {
        let sees = matches!(viewer(ctx), Viewer::Operator { .. } | Viewer::Storefront { .. });
        self.0.provider_reference.as_deref().filter(|_| sees)
    }

    /// How far it has come.
    async fn status(&self) -> RefundStatus {
        self.0.status.into()
    }

    /// What goes back.
    async fn amount(&self) -> Money {
        self.money(self.0.amount)
    }

    /// What banks on the way kept of it when it came back, and nobody has made good; nothing otherwise.
    async fn lost(&self) -> Money {
        entity::Money::new(self.0.lost, self.0.currency).into()
    }

    /// What chargebacks took out of it before it was sent: the buyer got that from the bank.
    async fn charged_back(&self) -> Money {
        self.money(self.0.charged_back)
    }

    /// The payment that it goes back by; null if another way has to be found.
    async fn payment_id(&self) -> Option<ID> {
        self.0.payment_id.map(|id| ID(id.to_string()))
    }

    /// What it is for, in words.
    async fn reason(&self) -> &str {
        &self.0.reason
    }

    /// Why it needs somebody to act; null if it does not, and for the supplier: it may be about the buyer's bank.
    async fn failure(&self, ctx: &Context<'_>) -> Option<&str> {
        self.0.failure.as_deref().filter(|_| !matches!(viewer(ctx), Viewer::Supplier { .. }))
    }

    /// When it was first sent, or paying it by hand was approved: from then on it may be on its way. Null until then.
    async fn started_at(&self) -> Option<DateTime<Utc>> {
        self.0.started_at
    }

    /// When it usually has arrived, in business days of the rail; null if nobody can say.
    async fn expected_by(&self) -> Option<DateTime<Utc>> {
        self.0.expected_by
    }

    /// Who asked to pay it by hand. For operators; null for others, and if nobody did.
    async fn requested_by(&self, ctx: &Context<'_>) -> Option<Result<Operator>> {
        operator(ctx, self.0.requested_by).await
    }

    /// Who else approved. For operators; null for others, and if nobody did.
    async fn approved_by(&self, ctx: &Context<'_>) -> Option<Result<Operator>> {
        operator(ctx, self.0.approved_by).await
    }

    /// Where to pay it by hand. For operators, while it is PENDING and approved to be paid so, and of a refund of no order also
    /// while it waits to be approved; null for others, and else. Looking at it is logged.
    async fn pay_to(&self, ctx: &Context<'_>) -> Option<Result<BankDetails>> {
        let Viewer::Operator { operator_id } = viewer(ctx) else { return None };
        if self.0.order_id.is_none() && self.0.status == refund::RefundStatus::ApprovalRequired {
            return self.payee(ctx, operator_id).transpose();
        }
        let is_by_hand = self.0.status == refund::RefundStatus::Pending && self.0.provider == BY_HAND;
        if !is_by_hand {
            return None;
        }
        let Some(order_id) = self.0.order_id else { return self.payee(ctx, operator_id).transpose() };
        pay_to(ctx, operator_id, (self.0.id, order_id), self.0.started_at?).await.transpose()
    }

    /// When it was booked.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}

async fn operator(ctx: &Context<'_>, id: Option<OperatorId>) -> Option<Result<Operator>> {
    let id = id.filter(|_| matches!(viewer(ctx), Viewer::Operator { .. }))?;
    let row = loader(ctx).load_one(id).await;
    row.map(|row| row.map(Operator::from)).map_err(Into::into).transpose()
}

async fn pay_to(
    ctx: &Context<'_>,
    operator_id: OperatorId,
    (refund_id, order_id): (RefundId, OrderId),
    approved_at: Time,
) -> Result<Option<BankDetails>> {
    let accounts = loader(ctx).load_one(RefundAccountsOf(order_id)).await?.unwrap_or_default();
    // The newest that the approval was of: one that came later needs another approval.
    let Some(account) = accounts.iter().rfind(|account| account.created_at <= approved_at) else { return Ok(None) };
    let details = bank_account::decrypt(&app(ctx).cipher, &account.id.to_string(), &account.encrypted_details)?;
    tracing::info!(%operator_id, %refund_id, refund_account_id = %account.id, "an operator looked at where to pay a refund");
    Ok(Some(details.into()))
}

#[derive(Default)]
pub struct RefundQuery;

#[Object]
impl RefundQuery {
    /// A refund of one of the viewer's orders; null if there is none with this id.
    async fn refund(&self, ctx: &Context<'_>, #[graphql(desc = "The refund's.")] id: ID) -> Option<Result<Refund>> {
        let id: RefundId = id.parse().ok()?;
        Refund::find(ctx, id).await.transpose()
    }
}
