//! One attempt to fund an order, by one method through one provider.

use sea_orm::FromJsonQueryResult;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Currency, MinorUnits, OrderId, PaymentId, Time};

/// What the buyer picks.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(40))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PaymentMethod {
    Visa,
    Mastercard,
    Maestro,
    /// T/T, telegraphic transfer.
    BankTransfer,
    WesternUnion,
    Qiwi,
    Webmoney,
    Yandex,
    /// Transferência Eletrônica de Fundos, Brazil.
    Tef,
    Alipay,
}

impl PaymentMethod {
    /// As the API and the database write it: `BANK_TRANSFER`.
    #[must_use]
    pub fn name(self) -> String {
        ActiveEnum::to_value(&self)
    }

    pub fn all() -> impl Iterator<Item = Self> {
        <Self as sea_orm::Iterable>::iter()
    }

    #[must_use]
    pub fn is_card(self) -> bool {
        match self {
            Self::Visa | Self::Mastercard | Self::Maestro => true,
            Self::BankTransfer
            | Self::WesternUnion
            | Self::Qiwi
            | Self::Webmoney
            | Self::Yandex
            | Self::Tef
            | Self::Alipay => false,
        }
    }
}

/// How far a payment has come. Only `Captured` means money.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(40))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PaymentStatus {
    /// The provider was asked, or its answer is unknown; nothing has arrived.
    Pending,
    /// The money arrived.
    Captured,
    /// The provider declined it.
    Failed,
    Expired,
    /// Withdrawn before it was paid.
    Cancelled,
}

/// How money of a method goes back.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(40))", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RefundWay {
    /// The rail gives it back the way it came.
    ToOrigin,
    /// The rail gives it back, but has to be told the buyer's bank account.
    ToAccount,
    /// The rail can't: an operator pays by hand.
    ByHand,
}

/// What the buyer has to do next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NextAction {
    /// Send the buyer's browser here.
    Redirect { url: String },
    /// Have the buyer's browser post this form there.
    Form { url: String, fields: Vec<FormField> },
    /// Show this as a QR code, for the wallet's app to scan.
    QrCode { content: String },
    /// Ask for the card on the storefront's own page, with the provider's script: the secret is for this payment alone.
    CardForm { client_secret: String, publishable_key: String },
    /// Tell the buyer to send the money to this account, with this reference.
    BankTransfer {
        account_holder: String,
        /// None in countries without IBANs: they have the three below.
        iban: Option<String>,
        #[serde(default)]
        country: Option<String>,
        /// The bank's code among those of its country, if there are such codes.
        #[serde(default)]
        bank_code: Option<String>,
        #[serde(default)]
        account_number: Option<String>,
        bic: String,
        /// As payers write it.
        reference: String,
        /// The same as an ISO 11649 creditor reference, for payers' structured fields.
        creditor_reference: String,
        /// A page with the same, if there is one.
        url: Option<String>,
    },
    /// Tell the buyer to pay with this code, at a counter or a machine.
    Voucher { code: String, url: Option<String> },
}

/// A hidden field of a form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormField {
    pub name: String,
    pub value: String,
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payment")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PaymentId,
    pub order_id: OrderId,
    pub provider: String,
    /// What it is called between us and the provider, or the payer; unique per provider.
    pub reference: String,
    pub method: PaymentMethod,
    pub status: PaymentStatus,
    /// Who gives its money back: the provider itself, or another one where its rail can't. As it was when it was opened.
    pub refund_by: String,
    /// As it was when the payment was opened.
    pub refund_way: RefundWay,
    /// Business days until a refund usually arrives, at worst.
    pub refund_days: i32,
    /// Whether several amounts may add up to it; if not, any other than the whole is set aside. As it was when it was opened.
    pub takes_parts: bool,
    /// What the buyer is asked to pay.
    pub amount: MinorUnits,
    pub currency: Currency,
    /// What arrived by this payment and was applied to the order.
    pub captured: MinorUnits,
    pub refunded: MinorUnits,
    pub charged_back: MinorUnits,
    /// What banks on the way kept of what the payer sent, as they reported it. It did not arrive.
    pub bank_charges: MinorUnits,
    /// The provider's id of it, once it has said it.
    pub provider_reference: Option<String>,
    /// When the provider's answer was written down.
    pub opened_at: Option<Time>,
    /// What the provider wants to know of the payer, encrypted under the id of the row; forgotten once it has answered.
    pub encrypted_payer: Option<String>,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub next_action: Option<NextAction>,
    pub return_url: Option<String>,
    /// Why it failed, in words for the buyer.
    pub failure: Option<String>,
    pub expires_at: Option<Time>,
    /// The payment that the buyer is shown instead, by another provider, because this one's didn't open it.
    pub replaced_by: Option<PaymentId>,
    pub created_at: Time,
    pub updated_at: Time,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
