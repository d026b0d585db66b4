//! Mutations of refunds: order one, say where it may go, and pay it by hand, one operator asking and another approving.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use entity::ledger_account::LedgerAccount;
use entity::{Money, RefundAccountId, RefundId, refund};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::bank_account::{self, BankAccountInput, HolderAddressInput};
use crate::error::{Error, ErrorCode, Result as Outcome};
use crate::graphql::base::payload::{Payload, UserError, answer};
use crate::graphql::base::request::{app, idempotency_key, viewer};
use crate::graphql::base::scalars::{CountryCode, CurrencyCode, Decimal};
use crate::graphql::order::command::{Call, order_inputs, order_payloads};
use crate::graphql::order::object::Order;
use crate::graphql::refund::object::Refund;
use crate::idempotency::IdempotencyKey;
use crate::ledger;
use crate::order;
use crate::payment::{self as payments, ByHand};
use crate::validate::Checks;
use escrow::Command;

/// The newest counts; the others are kept.
const MOST_REFUND_ACCOUNTS: u64 = 20;

/// Give back a part or all of what is held.
#[derive(InputObject)]
pub struct RefundOrderInput {
    /// Fresh for each new request (a UUID does well); the same key again answers the same.
    pub(crate) idempotency_key: String,
    /// The order.
    pub(crate) order_id: ID,
    /// Act only on the version of the order that you have seen.
    pub(crate) expected_version: Option<i32>,
    /// In the order's currency: more than zero, at most what is held.
    pub(crate) amount: Decimal,
}

/// Where the holder of an account lives, as banks ask for it.
#[derive(Clone, InputObject)]
#[graphql(name = "HolderAddressInput")]
pub struct HolderAddressObject {
    /// Without the number of the house; at most 70 characters.
    street: Option<String>,
    /// The number of the house; at most 16 characters.
    building: Option<String>,
    /// At most 16 characters.
    postcode: Option<String>,
    /// At most 35 characters.
    town: String,
    /// A province or state; at most 35 characters.
    subdivision: Option<String>,
    /// ISO 3166-1 alpha-2.
    country: CountryCode,
}

impl From<HolderAddressObject> for HolderAddressInput {
    fn from(input: HolderAddressObject) -> Self {
        Self {
            street: input.street,
            building: input.building,
            postcode: input.postcode,
            town: input.town,
            subdivision: input.subdivision,
            country: input.country.0,
        }
    }
}

/// A bank account: an IBAN, or an account number with what names its bank there. `bankAccountForms` says what each country needs.
#[derive(Clone, InputObject)]
#[graphql(name = "BankAccountInput")]
pub struct BankAccountObject {
    /// In whose name the account is; up to 140 characters.
    account_holder: String,
    /// Where the bank is.
    country: CountryCode,
    /// With or without blanks; of the bank's country.
    #[graphql(process_with = "bank_account::tidy_code")]
    iban: Option<String>,
    /// Mostly 4 to 34 digits and letters.
    #[graphql(process_with = "bank_account::tidy_account_number")]
    account_number: Option<String>,
    /// Up to 140 characters.
    bank_name: Option<String>,
    /// 8 or 11 characters; of the bank's country.
    #[graphql(process_with = "bank_account::tidy_code")]
    bic: Option<String>,
    /// The bank's code in its country's clearing, where accounts have no IBANs: `bankAccountForms` says which countries need one.
    #[graphql(process_with = "bank_account::tidy_clearing_code")]
    clearing_code: Option<String>,
    /// Where the account holder lives; needed for transfers outside of SEPA.
    holder_address: Option<HolderAddressObject>,
    /// The account's own currency, if it takes only one.
    currency: Option<CurrencyCode>,
}

impl From<BankAccountObject> for BankAccountInput {
    fn from(input: BankAccountObject) -> Self {
        Self {
            account_holder: input.account_holder,
            country: input.country.0,
            iban: input.iban,
            account_number: input.account_number,
            bank_name: input.bank_name,
            bic: input.bic,
            clearing_code: input.clearing_code,
            holder_address: input.holder_address.map(Into::into),
            currency: input.currency.map(|code| code.0),
        }
    }
}

order_inputs! {
    /// Say where refunds may be sent.
    ProvideRefundAccountInput {
        /// The buyer's.
        account: BankAccountObject,
    }
}

/// Declares inputs that name a refund, and an order if the refund is of one.
macro_rules! manual_inputs {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })+) => {$(
        $(#[$doc])*
        #[derive(InputObject)]
        pub struct $name {
            /// Makes the call once: the same key again answers the same. Fresh for each new request.
            idempotency_key: Option<String>,
            /// The order that the refund is of; leave it out for a refund of money that belongs to no order.
            order_id: Option<ID>,
            /// Act only on the version of the order that you have seen.
            expected_version: Option<i32>,
            /// The refund.
            refund_id: ID,
            $($(#[$field_doc])* $field: $type,)*
        }

        impl $name {
            /// None: it is of no order.
            fn call<'a>(&self, ctx: &Context<'a>) -> Option<Call<'a>> {
                Some(Call::new(ctx, self.order_id.as_ref()?, self.expected_version, self))
            }
        }
    )+};
}

manual_inputs! {
    /// Ask to pay a refund by hand that is ACTION_REQUIRED, or PAYEE_DETAILS_REQUIRED.
    RequestManualRefundInput {
        /// For a refund of no order: where to, if not as it was; an order's goes to the account of `provideRefundAccount`.
        account: Option<BankAccountObject>,
    }
    /// Let a refund be paid by hand that is APPROVAL_REQUIRED.
    ApproveManualRefundInput {
        /// For a refund of no order: the IBAN or account number that you approve, as its `payTo` says; nothing else is approved.
        account: Option<String>,
    }
    /// Don't pay a refund by hand that is APPROVAL_REQUIRED, or that is being paid so.
    RejectManualRefundInput {
        /// Why, in your words, which the buyer reads too; at most 2,000 characters.
        reason: String,
    }
    /// Say that a refund was paid by hand.
    ConfirmManualRefundInput {
        /// The bank's own reference of the transfer, of this refund alone; a single line of at most 140 characters.
        bank_reference: String,
    }
}

order_payloads! {
    /// What `refundOrder` left.
    RefundOrderPayload,
    /// What `provideRefundAccount` left.
    ProvideRefundAccountPayload,
}

/// Declares payloads that show a refund, and its order if it is of one.
macro_rules! manual_payloads {
    ($($(#[$doc:meta])* $name:ident,)+) => {$(
        $(#[$doc])*
        #[derive(SimpleObject)]
        pub struct $name {
            /// As it is now; null for a refund of no order, and if nothing was done.
            order: Option<Order>,
            /// Of no order, as it is now; null for a refund of an order, which shows it.
            refund: Option<Refund>,
            /// What has to change; empty when it was done.
            errors: Vec<UserError>,
        }

        impl Payload for $name {
            type Thing = Settled;
            fn done(thing: Settled) -> Self {
                match thing {
                    Settled::OfOrder(order) => Self { order: Some(order), refund: None, errors: Vec::new() },
                    Settled::OfNobody(refund) => Self { order: None, refund: Some(refund), errors: Vec::new() },
                }
            }
            fn refused(errors: Vec<UserError>) -> Self {
                Self { order: None, refund: None, errors }
            }
        }
    )+};
}

#[expect(clippy::large_enum_variant, reason = "made one at a time, and moved into the answer at once")]
pub enum Settled {
    OfOrder(Order),
    OfNobody(Refund),
}

manual_payloads! {
    /// What `requestManualRefund` left.
    RequestManualRefundPayload,
    /// What `approveManualRefund` left.
    ApproveManualRefundPayload,
    /// What `rejectManualRefund` left.
    RejectManualRefundPayload,
    /// What `confirmManualRefund` left.
    ConfirmManualRefundPayload,
}

#[derive(Default)]
pub struct RefundMutation;

#[Object]
impl RefundMutation {
    /// Supplier or operator: give back a part or all of what is held. The order goes on with the rest; when nothing is left,
    /// it is REFUNDED.
    async fn refund_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: RefundOrderInput,
    ) -> Result<RefundOrderPayload> {
        answer(refund_order(ctx, input).await)
    }

    /// Buyer: say where refunds may be sent that can't go back the way the money came. In any status; the newest counts. What
    /// waited for it is sent.
    async fn provide_refund_account(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: ProvideRefundAccountInput,
    ) -> Result<ProvideRefundAccountPayload> {
        answer(provide_refund_account(ctx, input).await)
    }

    /// Operator: ask that a refund which can't go back by its rail be paid by hand. Another operator has to approve.
    async fn request_manual_refund(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: RequestManualRefundInput,
    ) -> Result<RequestManualRefundPayload> {
        let request = async {
            let Some(mut call) = input.call(ctx) else {
                let key = idempotency_key(ctx, &input);
                let mut checks = Checks::input();
                let account = input.account.map(|account| {
                    let account = account.into();
                    checks.under("account", |checks| bank_account::check(checks, &account))
                });
                return of_nobody(
                    ctx,
                    checks,
                    key.as_ref(),
                    &input.refund_id,
                    ByHand::Request { account: account.as_ref() },
                )
                .await;
            };
            let operator_id = call.viewer.require_operator()?;
            if input.account.is_some() {
                let message = "leave it out: an order's refund goes to the account of provideRefundAccount";
                call.checks.problem("account", ErrorCode::InvalidInput, message);
            }
            let refund_id: RefundId = call.checks.required_id("refundId", &input.refund_id);
            let command = Command::RequestManualRefund { refund_id, operator_id };
            call.execute(&command).await.map(Settled::OfOrder)
        };
        answer(request.await)
    }

    /// Operator, but not the one who asked: let a refund be paid by hand. Its `payTo` then says where to.
    async fn approve_manual_refund(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: ApproveManualRefundInput,
    ) -> Result<ApproveManualRefundPayload> {
        let approve = async {
            let Some(mut call) = input.call(ctx) else {
                let key = idempotency_key(ctx, &input);
                let mut checks = Checks::input();
                let account = checks.line("account", input.account.as_deref().unwrap_or_default(), 60);
                return of_nobody(ctx, checks, key.as_ref(), &input.refund_id, ByHand::Approve { account: &account })
                    .await;
            };
            let operator_id = call.viewer.require_operator()?;
            if input.account.is_some() {
                let message = "leave it out: an order's refund goes to the account of provideRefundAccount";
                call.checks.problem("account", ErrorCode::InvalidInput, message);
            }
            let refund_id: RefundId = call.checks.required_id("refundId", &input.refund_id);
            let command = Command::ApproveManualRefund { refund_id, operator_id };
            call.execute(&command).await.map(Settled::OfOrder)
        };
        answer(approve.await)
    }

    /// Operator: don't pay a refund by hand, or say that it could not be paid so, or that it came back after it had been
    /// paid. It is ACTION_REQUIRED again.
    async fn reject_manual_refund(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: RejectManualRefundInput,
    ) -> Result<RejectManualRefundPayload> {
        let reject = async {
            let Some(mut call) = input.call(ctx) else {
                let key = idempotency_key(ctx, &input);
                let mut checks = Checks::input();
                let reason = checks.text("reason", &input.reason, 2_000);
                return of_nobody(ctx, checks, key.as_ref(), &input.refund_id, ByHand::Reject { reason: &reason })
                    .await;
            };
            let refund_id: RefundId = call.checks.required_id("refundId", &input.refund_id);
            let reason = call.checks.text("reason", &input.reason, 2_000);
            let command = Command::RejectManualRefund { refund_id, reason };
            call.execute(&command).await.map(Settled::OfOrder)
        };
        answer(reject.await)
    }

    /// Operator: say that the money has left the bank. A bank reference is booked once.
    async fn confirm_manual_refund(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: ConfirmManualRefundInput,
    ) -> Result<ConfirmManualRefundPayload> {
        answer(confirm_manual_refund(ctx, input).await)
    }
}

async fn refund_order(ctx: &Context<'_>, input: RefundOrderInput) -> Outcome<Order> {
    let mut call = Call::new(ctx, &input.order_id, input.expected_version, &input);
    let amount = call.amount("amount", &input.amount, 1).await?;
    call.execute(&Command::RefundOrder { amount }).await
}

async fn provide_refund_account(ctx: &Context<'_>, input: ProvideRefundAccountInput) -> Outcome<Order> {
    let mut call = input.call(ctx);
    let account = input.account.into();
    let account = call.checks.under("account", |checks| bank_account::check(checks, &account));
    let refund_account_id = RefundAccountId(call.app.clock.new_id());
    let encrypted_details =
        bank_account::encrypt(&account, &call.app.cipher, &call.app.clock, &refund_account_id.to_string())?;
    let mask = account.mask();
    let given = order::count_refund_accounts(&call.app.db.read, &call.viewer, call.order_id).await?;
    if given >= MOST_REFUND_ACCOUNTS {
        let message =
            format!("{MOST_REFUND_ACCOUNTS} accounts were given for this order already, and there can be no more");
        call.checks.problem("account", ErrorCode::InvalidInput, message);
    }
    call.execute(&Command::ProvideRefundAccount { refund_account_id, encrypted_details, mask }).await
}

/// A refund of money that belongs to no order.
async fn of_nobody(
    ctx: &Context<'_>,
    mut checks: Checks,
    idempotency_key: Option<&IdempotencyKey>,
    refund_id: &ID,
    act: ByHand<'_>,
) -> Outcome<Settled> {
    let viewer = viewer(ctx);
    let refund_id: RefundId = checks.required_id("refundId", refund_id);
    IdempotencyKey::check_in(idempotency_key, &mut checks);
    checks.finish()?;
    let refund = payments::settle_by_hand(app(ctx), &viewer, idempotency_key, (refund_id, act)).await?;
    Ok(Settled::OfNobody(Refund(refund)))
}

async fn confirm_manual_refund(ctx: &Context<'_>, input: ConfirmManualRefundInput) -> Outcome<Settled> {
    let Some(mut call) = input.call(ctx) else {
        let key = idempotency_key(ctx, &input);
        let mut checks = Checks::input();
        let reference = checks.line("bankReference", &input.bank_reference, 140);
        return of_nobody(ctx, checks, key.as_ref(), &input.refund_id, ByHand::Confirm { bank_reference: &reference })
            .await;
    };
    call.viewer.require_operator()?;
    let refund_id: RefundId = call.checks.required_id("refundId", &input.refund_id);
    let bank_reference = call.checks.line("bankReference", &input.bank_reference, 140);
    IdempotencyKey::check_in(call.idempotency_key.as_ref(), &mut call.checks);
    let movement = payments::by_hand_movement("refund", &bank_reference);
    let Some(amount) = booked_or_due(&mut call, refund_id, &movement).await? else {
        return Err(call.checks.refuse_with(Error::not_found("refund of this order").at("refundId")));
    };
    // Which checks the key once more.
    call.checks.clone().finish()?;
    let command = Command::ConfirmManualRefund { refund_id, movement, amount };
    call.execute(&command).await.map(Settled::OfOrder)
}

/// What was booked under this bank reference, or else what is to be paid; None if the order has no such refund.
async fn booked_or_due(call: &mut Call<'_>, refund_id: RefundId, movement: &str) -> Outcome<Option<Money>> {
    let db = &call.app.db.read;
    let of_order = refund::Entity::find_by_id(refund_id).filter(refund::Column::OrderId.eq(call.order_id));
    let Some(refund) = of_order.one(db).await? else { return Ok(None) };
    let booked = ledger::posted(db, movement).await?;
    let account = LedgerAccount::Refund(refund_id);
    if booked.iter().any(|transfer| transfer.debit != account) {
        let message = "was booked for another refund already; give the reference of this refund's own transfer";
        call.checks.problem("bankReference", ErrorCode::AlreadyExists, message);
    }
    let amount = booked.first().map_or(refund.balance, |transfer| transfer.amount);
    Ok(Some(Money::new(amount, refund.currency)))
}
