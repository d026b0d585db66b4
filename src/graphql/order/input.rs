//! What the mutations of an order take.

use async_graphql::{ID, InputObject};

use crate::graphql::base::scalars::{CurrencyCode, Decimal};
use crate::graphql::order::contract::AddressInput;
use crate::graphql::payment::method::PayerInput;
use crate::graphql::payment::object::PaymentMethod;
use crate::order::DraftDeadlines;

/// A key and a value of the storefront's own: at most 40 and 500 characters.
#[derive(InputObject)]
pub struct MetadataInput {
    /// At most 40 characters.
    pub(crate) key: String,
    /// At most 500 characters.
    pub(crate) value: String,
}

/// Order a product at its listing's terms.
#[derive(InputObject)]
pub struct BuyNowInput {
    /// Fresh for each new request (a UUID does well); the same key again answers the same.
    pub(crate) idempotency_key: String,
    /// A listed product.
    pub(crate) product_id: ID,
    /// At least the product's minimumOrderQuantity.
    pub(crate) quantity: i32,
    /// One of the product's; USD, where it has a price in it, if left out.
    pub(crate) currency: Option<CurrencyCode>,
    /// Where to ship to.
    pub(crate) shipping_address: AddressInput,
    /// A rule of Incoterms 2020; the listing's if left out.
    pub(crate) incoterm: Option<String>,
    /// Your own id of the order; at most 255 characters.
    pub(crate) client_reference: Option<String>,
    /// Your own keys and values; at most 20.
    pub(crate) metadata: Option<Vec<MetadataInput>>,
}

/// Ask a supplier to draft a contract.
#[derive(InputObject)]
pub struct RequestDraftInput {
    /// Fresh for each new request (a UUID does well); the same key again answers the same.
    pub(crate) idempotency_key: String,
    /// The supplier to ask.
    pub(crate) supplier_id: ID,
    /// One of the supplier's, if it is about one.
    pub(crate) product_id: Option<ID>,
    /// How many units, if you know.
    pub(crate) quantity: Option<i32>,
    /// The currency that the order is to be in.
    pub(crate) currency: CurrencyCode,
    /// What you want, in words; at most 4,000 characters.
    pub(crate) message: String,
    /// Where to ship to.
    pub(crate) shipping_address: AddressInput,
    /// Your own id of the order; at most 255 characters.
    pub(crate) client_reference: Option<String>,
    /// Your own keys and values; at most 20.
    pub(crate) metadata: Option<Vec<MetadataInput>>,
}

/// One thing sold.
#[derive(InputObject)]
pub struct DraftLineInput {
    /// One of your listings, if it is one: its stock is reserved at confirmation.
    pub(crate) product_id: Option<ID>,
    /// What it is; at most 500 characters.
    pub(crate) description: String,
    /// How many units.
    pub(crate) quantity: i32,
    /// "piece", "reel", "kg".
    pub(crate) unit: String,
    /// For `pricePerUnits` units, in the draft's currency.
    pub(crate) unit_price: Decimal,
    /// The price is for this many units; 1 to 1,000,000.
    #[graphql(default = 1)]
    pub(crate) price_per_units: i32,
}

/// How long each side may take under this contract; what is left out is as the rule has it.
#[derive(InputObject)]
pub struct DeadlinesInput {
    /// Until an unconfirmed contract lapses; 1 to 30, 5 by rule.
    pub(crate) confirmation_days: Option<i32>,
    /// Until an unpaid order lapses; 1 to 60, 20 by rule.
    pub(crate) payment_days: Option<i32>,
    /// Business days more, once a bank transfer is under way; 0 to 20, 7 by rule.
    pub(crate) bank_transfer_business_days: Option<i32>,
    /// After the ship-by date, until an unshipped order is refunded; 1 to 90, 30 by rule.
    pub(crate) overdue_days: Option<i32>,
    /// Hours until silence answers a cancel request; 24 to 168, 48 by rule.
    pub(crate) cancel_answer_hours: Option<i32>,
    /// Until the supplier's silence settles a dispute as the buyer proposed; 2 to 14, 5 by rule, less than disputeEscalationDays.
    pub(crate) dispute_answer_days: Option<i32>,
    /// From this day of a dispute either side may escalate it; 1 to 14, 4 by rule.
    pub(crate) dispute_escalation_from_days: Option<i32>,
    /// On this day it escalates by itself; 3 to 30, 7 by rule.
    pub(crate) dispute_escalation_days: Option<i32>,
    /// Until a dispute without a ruling raises an alarm; 30 to 180, 60 by rule.
    pub(crate) dispute_alarm_days: Option<i32>,
    /// Until goods that were not sent back are kept, and paid; 3 to 30, 10 by rule.
    pub(crate) return_shipping_days: Option<i32>,
    /// After the transit time of the returned goods, until silence settles as agreed; 3 to 30, 10 by rule.
    pub(crate) return_silence_days: Option<i32>,
}

impl From<DeadlinesInput> for DraftDeadlines {
    fn from(input: DeadlinesInput) -> Self {
        Self {
            confirmation_days: input.confirmation_days,
            payment_days: input.payment_days,
            bank_transfer_business_days: input.bank_transfer_business_days,
            overdue_days: input.overdue_days,
            cancel_answer_hours: input.cancel_answer_hours,
            dispute_answer_days: input.dispute_answer_days,
            dispute_escalation_from_days: input.dispute_escalation_from_days,
            dispute_escalation_days: input.dispute_escalation_days,
            dispute_alarm_days: input.dispute_alarm_days,
            return_shipping_days: input.return_shipping_days,
            return_silence_days: input.return_silence_days,
        }
    }
}

/// Put a contract, or a further version of it, on the table.
#[derive(InputObject)]
pub struct DraftOrderInput {
    /// Fresh for each new request (a UUID does well); the same key again answers the same.
    pub(crate) idempotency_key: String,
    /// An order that the buyer asked for, or whose contract is not confirmed yet …
    pub(crate) order_id: Option<ID>,
    /// … or, for a new order, a conversation with the buyer.
    pub(crate) conversation_id: Option<ID>,
    /// Required for a new order; an order keeps its currency.
    pub(crate) currency: Option<CurrencyCode>,
    /// What is sold; 1 to 100 lines.
    pub(crate) lines: Vec<DraftLineInput>,
    /// In the draft's currency; "0" if there is none.
    pub(crate) shipping_fee: Decimal,
    /// A rule of Incoterms 2020.
    pub(crate) incoterm: Option<String>,
    /// The ship-by date is this many days after the order is funded; 1 to 365.
    pub(crate) ship_within_days: i32,
    /// 1 to 90; 30 if left out.
    pub(crate) transit_days: Option<i32>,
    /// 1 to 30; 14 if left out.
    pub(crate) inspection_days: Option<i32>,
    /// How long each side may take; what is left out is the rule.
    pub(crate) deadlines: Option<DeadlinesInput>,
    /// Of the buyer's request if left out.
    pub(crate) shipping_address: Option<AddressInput>,
    /// Act only on the version of the order that you have seen.
    pub(crate) expected_version: Option<i32>,
}

/// Agree to a contract.
#[derive(InputObject)]
pub struct ConfirmOrderInput {
    /// Makes the call once: the same key again answers the same. Fresh for each new request.
    pub(crate) idempotency_key: Option<String>,
    /// The order.
    pub(crate) order_id: ID,
    /// The version that you have read.
    pub(crate) contract_version: i32,
    /// Act only on the version of the order that you have seen.
    pub(crate) expected_version: Option<i32>,
}

/// Which order.
#[derive(InputObject)]
pub struct CancelOrderInput {
    /// Makes the call once: the same key again answers the same. Fresh for each new request.
    pub(crate) idempotency_key: Option<String>,
    /// The order.
    pub(crate) order_id: ID,
    /// Act only on the version of the order that you have seen.
    pub(crate) expected_version: Option<i32>,
}

/// Pay what is still due.
#[derive(InputObject)]
pub struct PayOrderInput {
    /// Fresh for each new request (a UUID does well); the same key again answers the same payment.
    pub(crate) idempotency_key: String,
    /// The order.
    pub(crate) order_id: ID,
    /// How the buyer pays; `paymentMethods` says what is possible.
    pub(crate) method: PaymentMethod,
    /// Where the buyer's browser goes afterwards: within the storefront's return origins.
    pub(crate) return_url: Option<String>,
    /// Who pays, where the method wants to know.
    pub(crate) payer: Option<PayerInput>,
    /// Act only on the version of the order that you have seen.
    pub(crate) expected_version: Option<i32>,
}
