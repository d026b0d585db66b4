//! Payments, refunds, and how an order can be paid.

use async_graphql::{Context, ID, Object, Result, SimpleObject, Union};
use chrono::{DateTime, Utc};
use entity::PaymentId;
use entity::payment::{Model, NextAction as Next};

use crate::auth::Viewer;
use crate::graphql::base::request::viewer;
use crate::graphql::base::scalars::Money;
use crate::graphql::loader::order::loader;

/// What the buyer picks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(remote = "entity::payment::PaymentMethod")]
pub enum PaymentMethod {
    /// Card, on the provider's page or in a form on yours: the payment's `nextAction` says.
    Visa,
    /// Card, on the provider's page or in a form on yours: the payment's `nextAction` says.
    Mastercard,
    /// Debit card, on the provider's page or in a form on yours: the payment's `nextAction` says.
    Maestro,
    /// T/T, telegraphic transfer: by bank, with a reference.
    BankTransfer,
    /// Cash or card at Western Union.
    WesternUnion,
    /// QIWI wallet.
    Qiwi,
    /// WebMoney purse.
    Webmoney,
    /// Yandex wallet (YooMoney).
    Yandex,
    /// Transferência Eletrônica de Fundos, Brazil.
    Tef,
    /// Alipay wallet.
    Alipay,
}

/// How far a payment has come. Whether an order has its money says `escrow`, and what came by this payment `captured`: some of
/// it may be here while it is PENDING, and none of a CAPTURED one that came too late (see `unappliedFunds`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(remote = "entity::payment::PaymentStatus")]
pub enum PaymentStatus {
    /// Not decided: the provider has not answered yet, or waits for the buyer, or for the rest of the money.
    Pending,
    /// The money arrived at the provider. What of it was applied to the order is the payment's `captured`.
    Captured,
    /// The provider declined it.
    Failed,
    /// Nobody paid it in time.
    Expired,
    /// Withdrawn before it was paid.
    Cancelled,
}

pub struct Payment(pub Model);

/// Send the buyer's browser to this URL.
#[derive(SimpleObject)]
pub struct RedirectAction {
    /// Absolute; of the provider, or of the sandbox.
    url: String,
}

/// Have the buyer's browser post a form: an HTML form with `method="post"`, this `action` and these hidden fields, submitted by
/// a button or a script.
#[derive(SimpleObject)]
pub struct FormAction {
    /// The form's `action`: absolute, of the provider.
    url: String,
    /// Its hidden fields, exactly as they are.
    fields: Vec<FormField>,
}

/// A hidden field of a form.
#[derive(SimpleObject)]
pub struct FormField {
    /// Its `name`.
    name: String,
    /// Its `value`, in UTF-8.
    value: String,
}

/// Show this as a QR code, for the wallet's app to scan.
#[derive(SimpleObject)]
pub struct QrCodeAction {
    /// What the code says.
    content: String,
}

/// Ask for the card on your own page, with the provider's script (Stripe.js: `stripe.confirmPayment`).
#[derive(SimpleObject)]
pub struct CardFormAction {
    /// Lets the buyer's browser pay this payment, and nothing else: never store or log it.
    client_secret: String,
    /// Which account at the provider; public.
    publishable_key: String,
}

/// Tell the buyer to send the money to this account, with this reference. Several transfers may add up.
#[derive(SimpleObject)]
pub struct BankTransferAction {
    /// In whose name the account is.
    account_holder: String,
    /// International bank account number, without blanks; null in countries that have none.
    iban: Option<String>,
    /// Of an account without an IBAN: where it is; ISO 3166-1 alpha-2.
    country: Option<String>,
    /// Of an account without an IBAN: the bank's code in its country (ABA, BSB, IFSC, CNAPS), if there is one.
    bank_code: Option<String>,
    /// Of an account without an IBAN: its number.
    account_number: Option<String>,
    /// Of the bank; also called SWIFT code.
    bic: String,
    /// To be written into the transfer: it is how the money is found.
    reference: String,
    /// The same as an ISO 11649 creditor reference (RF…), for a bank's field of that name.
    creditor_reference: String,
    /// A page of the provider's with the same instructions; null if there is none.
    url: Option<String>,
    /// What is still missing: the whole at first, the shortfall when a part has come.
    amount_due: Money,
}

/// Tell the buyer to pay with this code at a counter or a machine.
#[derive(SimpleObject)]
pub struct VoucherAction {
    /// To be shown there.
    code: String,
    /// Until when it can be paid with; null if only the order sets an end.
    expires_at: Option<DateTime<Utc>>,
    /// A page with it, to be printed; null if there is none.
    url: Option<String>,
}

/// What the buyer has to do next.
#[derive(Union)]
#[expect(clippy::large_enum_variant, reason = "made one at a time, and moved into the answer at once")]
pub enum NextAction {
    /// Send the buyer's browser somewhere.
    Redirect(RedirectAction),
    /// Have the buyer's browser post a form.
    Form(FormAction),
    /// Show a QR code.
    QrCode(QrCodeAction),
    /// Ask for a card.
    CardForm(CardFormAction),
    /// Send money by bank.
    BankTransfer(BankTransferAction),
    /// Pay with a code.
    Voucher(VoucherAction),
}

impl Payment {
    /// None if it isn't of one of the viewer's orders.
    pub(crate) async fn find(ctx: &Context<'_>, id: PaymentId) -> Result<Option<Self>> {
        Ok(loader(ctx).load_one(id).await?.map(Self))
    }
}

/// One attempt to fund an order, by one method through one provider.
#[Object]
impl Payment {
    /// Begins with `payment_`.
    pub async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// The order that it pays.
    async fn order_id(&self) -> ID {
        ID(self.0.order_id.to_string())
    }

    /// The payment company that moves the money, as in `/webhooks/{provider}`; null for the supplier.
    async fn provider(&self, ctx: &Context<'_>) -> Option<&str> {
        (!matches!(viewer(ctx), Viewer::Supplier { .. })).then_some(self.0.provider.as_str())
    }

    /// What the payment is called at the provider, in our words: to be looked for in its dashboard or on a bank statement;
    /// null for the supplier.
    async fn reference(&self, ctx: &Context<'_>) -> Option<&str> {
        (!matches!(viewer(ctx), Viewer::Supplier { .. })).then_some(self.0.reference.as_str())
    }

    /// The provider's own id of it; null until it has answered, and for all but the operator and the storefront.
    async fn provider_reference(&self, ctx: &Context<'_>) -> Option<&str> {
        let sees = matches!(viewer(ctx), Viewer::Operator { .. } | Viewer::Storefront { .. });
        self.0.provider_reference.as_deref().filter(|_| sees)
    }

    /// How the buyer pays.
    async fn method(&self) -> PaymentMethod {
        self.0.method.into()
    }

    /// How far it has come.
    async fn status(&self) -> PaymentStatus {
        self.0.status.into()
    }

    /// What the buyer is asked to pay.
    async fn amount(&self) -> Money {
        entity::Money::new(self.0.amount, self.0.currency).into()
    }

    /// What has arrived by this payment and was applied to the order.
    async fn captured(&self) -> Money {
        entity::Money::new(self.0.captured, self.0.currency).into()
    }

    /// What of it went, or is going, back.
    async fn refunded(&self) -> Money {
        entity::Money::new(self.0.refunded, self.0.currency).into()
    }

    /// What banks on the way kept of what the payer sent, as they reported it: it did not arrive, and is not in `captured`.
    async fn bank_charges(&self) -> Money {
        entity::Money::new(self.0.bank_charges, self.0.currency).into()
    }

    /// Null when there is nothing to do, or the provider has not answered yet: then ask again in a moment.
    /// Only for the buyer and the storefront: whoever has the URL can act for the buyer at the provider.
    async fn next_action(&self, ctx: &Context<'_>) -> Option<NextAction> {
        if !matches!(viewer(ctx), Viewer::Buyer { .. } | Viewer::Storefront { .. }) {
            return None;
        }
        if self.0.status != entity::payment::PaymentStatus::Pending || self.0.replaced_by.is_some() {
            return None;
        }
        Some(match self.0.next_action.clone()? {
            Next::Redirect { url } => NextAction::Redirect(RedirectAction { url }),
            Next::Form { url, fields } => {
                let fields = fields.into_iter().map(|field| FormField { name: field.name, value: field.value });
                NextAction::Form(FormAction { url, fields: fields.collect() })
            }
            Next::QrCode { content } => NextAction::QrCode(QrCodeAction { content }),
            Next::CardForm { client_secret, publishable_key } => {
                NextAction::CardForm(CardFormAction { client_secret, publishable_key })
            }
            Next::BankTransfer {
                account_holder,
                iban,
                country,
                bank_code,
                account_number,
                bic,
                reference,
                creditor_reference,
                url,
            } => {
                let due = entity::MinorUnits(self.0.amount.0.saturating_sub(self.0.captured.0));
                let amount_due = entity::Money::new(due, self.0.currency).into();
                NextAction::BankTransfer(BankTransferAction {
                    account_holder,
                    iban,
                    country,
                    bank_code,
                    account_number,
                    bic,
                    reference,
                    creditor_reference,
                    url,
                    amount_due,
                })
            }
            Next::Voucher { code, url } => {
                NextAction::Voucher(VoucherAction { code, expires_at: self.0.expires_at, url })
            }
        })
    }

    /// Why it failed, in words for the buyer; null if it has not.
    async fn failure(&self) -> Option<&str> {
        self.0.failure.as_deref()
    }

    /// Until when it can be paid; null if the provider sets no end.
    async fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.0.expires_at
    }

    /// The payment by another provider that takes this one's place, because this one's provider did not open it: show that one
    /// to the buyer. Null for nearly all.
    async fn replaced_by(&self, ctx: &Context<'_>) -> Result<Option<Payment>> {
        match self.0.replaced_by {
            Some(id) => Payment::find(ctx, id).await,
            None => Ok(None),
        }
    }

    /// When it was opened.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}

/// How money of a method goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(remote = "entity::payment::RefundWay")]
pub enum RefundWay {
    /// The rail gives it back the way it came.
    ToOrigin,
    /// The rail gives it back, but has to be told the buyer's bank account: `provideRefundAccount`.
    ToAccount,
    /// The rail can't: an operator pays it by hand, to the account of `provideRefundAccount`.
    ByHand,
}

#[derive(Default)]
pub struct PaymentQuery;

#[Object]
impl PaymentQuery {
    /// A payment of one of the viewer's orders; null if there is none with this id.
    async fn payment(&self, ctx: &Context<'_>, #[graphql(desc = "The payment's.")] id: ID) -> Option<Result<Payment>> {
        let id: PaymentId = id.parse().ok()?;
        Payment::find(ctx, id).await.transpose()
    }
}
