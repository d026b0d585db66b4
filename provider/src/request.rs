//! What a provider is asked with, and what it needs to know of a payment, a refund or a payout.

use entity::payment::{NextAction, PaymentMethod};
use entity::{Money, Time};
use secrecy::SecretString;

use crate::fact::Fact;
use crate::terms::PayerField;

/// Ids of ours travel as text: the provider sends them back, and by them we match.
#[derive(Clone, Debug)]
pub struct PaymentRequest {
    pub reference: String,
    pub method: PaymentMethod,
    pub amount: Money,
    /// What the buyer sees: the order's number.
    pub description: String,
    pub notification_url: String,
    pub return_url: Option<String>,
    pub payer: Payer,
}

/// Who pays, as far as the method wants to know ([`PayerField`]). Never logged.
#[derive(Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payer {
    pub name: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
    pub document: Option<String>,
}

impl std::fmt::Debug for Payer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Payer(***)")
    }
}

impl Payer {
    #[must_use]
    pub fn field(&self, field: PayerField) -> Option<&str> {
        match field {
            PayerField::Name => self.name.as_deref(),
            PayerField::Email => self.email.as_deref(),
            PayerField::Phone => self.phone.as_deref(),
            PayerField::Country => self.country.as_deref(),
            PayerField::Document => self.document.as_deref(),
        }
    }
}

#[derive(Clone, Debug)]
pub struct OpenedPayment {
    /// None if the provider gives it an id only when it is paid.
    pub provider_reference: Option<String>,
    pub next_action: Option<NextAction>,
    pub expires_at: Option<Time>,
    /// What is known already: some providers answer "paid" at once.
    pub facts: Vec<Fact>,
}

#[derive(Clone, Debug)]
pub struct PaymentQuery {
    pub reference: String,
    pub provider_reference: Option<String>,
    pub method: PaymentMethod,
    /// What was asked for: an answer about another amount is not about this payment.
    pub amount: Money,
    /// Whether its time is over: then "never heard of it" means that nobody will pay it.
    pub has_expired: bool,
}

#[derive(Clone, Debug)]
pub struct RefundRequest {
    pub reference: String,
    pub payment: PaymentQuery,
    pub amount: Money,
    pub reason: String,
    /// When it was asked for before, and the answer got lost: a provider may have done it, and no longer know our key. Business
    /// time.
    pub asked_before: Option<Time>,
    /// The buyer's bank details as a JSON document (`entity::BankAccount`), decrypted; never
    /// logged. For methods that go back `ToAccount`.
    pub payee: Option<SecretString>,
    pub notification_url: String,
    /// As [`RefundQuery::others`].
    pub others: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct RefundQuery {
    pub reference: String,
    pub provider_reference: Option<String>,
    pub payment: PaymentQuery,
    pub amount: Money,
    /// The movements of the payment's other refunds, as far as they are booked: where a rail has no room for our reference,
    /// what it lists is this refund only if it is none of these.
    pub others: Vec<String>,
}

pub struct PayoutRequest {
    pub reference: String,
    pub amount: Money,
    /// The supplier's bank details as a JSON document (`entity::BankAccount`), decrypted; never logged.
    pub account: SecretString,
    pub notification_url: String,
}

#[derive(Clone, Debug)]
pub struct PayoutQuery {
    pub reference: String,
    pub provider_reference: Option<String>,
    pub amount: Money,
}

#[cfg(test)]
mod tests {
    use entity::Currency;

    use super::*;

    #[test]
    fn a_payee_is_never_printed() {
        let request = RefundRequest {
            reference: "refund_1".to_owned(),
            payment: PaymentQuery {
                reference: "payment_1".to_owned(),
                provider_reference: None,
                method: PaymentMethod::BankTransfer,
                amount: Money::new(entity::MinorUnits(100), Currency::USD),
                has_expired: false,
            },
            amount: Money::new(entity::MinorUnits(100), Currency::USD),
            reason: "x".to_owned(),
            asked_before: None,
            payee: Some(SecretString::from("DE89370400440532013000")),
            notification_url: String::new(),
            others: Vec::new(),
        };
        assert!(!format!("{request:?}").contains("DE89"), "{request:?}");
    }
}
