//! Ids: a UUIDv7 in the database, a TypeID (`order_01h…`) everywhere a person or a program outside reads it.
//!
//! Source: the TypeID specification, version 0.3 (26 characters of Crockford base 32 behind a type prefix).

use sea_orm::{DbErr, DeriveValueType, TryFromU64};
use serde::{Deserialize, Serialize};
use type_safe_id::{DynamicType, TypeSafeId};
use uuid::Uuid;

/// Why a text is not an id of the wanted type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an id that begins with \"{prefix}_\"")]
pub struct IdError {
    pub prefix: &'static str,
}

fn format_id(prefix: &'static str, uuid: Uuid, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    let kind = DynamicType::new(prefix).map_err(|_source| std::fmt::Error)?;
    write!(f, "{}", TypeSafeId::from_type_and_uuid(kind, uuid))
}

fn parse_id(prefix: &'static str, text: &str) -> Result<Uuid, IdError> {
    let parsed: TypeSafeId<DynamicType> = text.parse().map_err(|_source| IdError { prefix })?;
    if parsed.type_prefix() == prefix { Ok(parsed.uuid()) } else { Err(IdError { prefix }) }
}

macro_rules! typed_ids {
    ($($name:ident = $prefix:literal,)+) => {$(
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, DeriveValueType, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(pub Uuid);

        impl $name {
            pub const PREFIX: &'static str = $prefix;
        }

        impl TryFromU64 for $name {
            fn try_from_u64(_: u64) -> Result<Self, DbErr> {
                Err(DbErr::ConvertFromU64(stringify!($name)))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                format_id($prefix, self.0, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                parse_id($prefix, text).map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }
    )+};
}

typed_ids! {
    BookingId = "booking",
    BreakId = "break",
    BuyerId = "buyer",
    BankBookingId = "bank_booking",
    BankLineId = "bank_line",
    BankStatementId = "bank_statement",
    CancelRequestId = "cancel_request",
    ChargebackId = "chargeback",
    ContractId = "contract",
    ConversationId = "conversation",
    CredentialId = "credential",
    DisputeId = "dispute",
    EventId = "event",
    EvidenceId = "evidence",
    FeedbackId = "feedback",
    FileId = "file",
    JobId = "job",
    MessageId = "message",
    NotificationId = "notification",
    OperatorId = "operator",
    OrderId = "order",
    PaymentId = "payment",
    PayoutAccountId = "payout_account",
    PayoutId = "payout",
    ProductId = "product",
    ProposalId = "proposal",
    ReceiptId = "receipt",
    StandingId = "standing",
    RefundAccountId = "refund_account",
    RefundId = "refund",
    SandboxMovementId = "sandbox",
    ShipmentId = "shipment",
    StorefrontId = "storefront",
    SupplierId = "supplier",
    TransferId = "transfer",
    WebhookDeliveryId = "delivery",
    WebhookEndpointId = "endpoint",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_refuses_another_type() {
        let id = OrderId(Uuid::from_u128(0x0188_bac7_4afa_78aa_bc3b_bd1e_ef28_d881));
        assert_eq!(id.to_string(), "order_01h2xcejqtf2nbrexx3vqjhp41");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().parse::<PaymentId>(), Err(IdError { prefix: "payment" }));
        assert!("order_".parse::<OrderId>().is_err());
        assert!("".parse::<OrderId>().is_err());
    }

    #[test]
    fn a_prefix_of_two_words_reads_back() {
        let id = PayoutAccountId(Uuid::from_u128(7));
        assert_eq!(id.to_string().parse(), Ok(id));
    }
}
