//! What can be said of a method whose rail only the partner knows.

use entity::Currency;
use entity::payment::{PaymentMethod, RefundWay};

use crate::terms::{MethodTerms, PayerField};

pub(super) fn of(method: PaymentMethod, currencies: Vec<Currency>, payer_fields: Vec<PayerField>) -> MethodTerms {
    let (flow, arrival_days, chargebacks) = match method {
        PaymentMethod::Visa | PaymentMethod::Mastercard | PaymentMethod::Maestro => {
            ("You go to the payment company's page and pay with your card there.", (0, 1), true)
        }
        PaymentMethod::BankTransfer | PaymentMethod::Tef => {
            ("You go to the payment company's page, or are shown a code, and pay with your bank.", (0, 5), false)
        }
        PaymentMethod::WesternUnion => {
            ("You are shown a code, and pay with it at a counter or a machine.", (0, 5), false)
        }
        PaymentMethod::Qiwi | PaymentMethod::Webmoney | PaymentMethod::Yandex | PaymentMethod::Alipay => {
            ("You go to the payment company's page, or scan a code, and pay with your wallet.", (0, 1), true)
        }
    };
    MethodTerms {
        flow,
        fees: "As the payment company says before you pay; what arrives here is the whole amount.",
        currencies,
        countries: &[],
        limits: Vec::new(),
        payer_fields,
        arrival_days,
        // It says for each payment until when.
        expires_after: None,
        takes_parts: false,
        chargebacks,
        refund_way: RefundWay::ToOrigin,
        refund_days: (1, 10),
        refund_window_days: None,
    }
}
