//! One line for each root field of the schema: with what of the shop's it is called, and what an outsider is told.
//!
//! ```ignore
//! rule("webhookEndpoints", Told::Nothing, |_| json!({})),                                   // a list of one's own
//! rule("confirmReceived", Told::NotFound, |a| json!({ "orderId": a.disputed })),            // one of the shop's
//! rule("applyFunds", Told::Refused, |a| json!({ "orderId": a.disputed, … })),               // for operators
//! rule("products", Told::Public, |_| json!({})),                                            // everybody's, or one's own
//! ```
//!
//! A mutation's arguments are its `input`; they must be right in themselves, so that it is the wall that refuses.

use serde_json::{Value, json};

use super::world::World;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// That there is none: null, an empty list, NOT_FOUND; who has another role may be told so (NOT_PERMITTED).
    Nothing,
    /// As `Nothing`; and somebody of the right role must have been told that there is none.
    NotFound,
    /// For operators: everybody else is told so.
    Refused,
    /// Anything that isn't the shop's.
    Public,
    /// It is not called, for this reason.
    NotCalled(&'static str),
}

pub(super) struct Rule {
    pub(super) field: &'static str,
    pub(super) told: Told,
    pub(super) arguments: fn(&World) -> Value,
    /// Operators may, so they are no outsiders.
    pub(super) operators_may: bool,
    /// The shop's own storefront may.
    pub(super) storefront_may: bool,
}

impl Rule {
    const fn operators_may(mut self) -> Self {
        self.operators_may = true;
        self
    }

    const fn storefront_may(mut self) -> Self {
        self.storefront_may = true;
        self
    }
}

const fn rule(field: &'static str, told: Told, arguments: fn(&World) -> Value) -> Rule {
    Rule { field, told, arguments, operators_may: false, storefront_may: false }
}

pub(super) const QUERIES: &[Rule] = &[
    rule("categories", Told::Public, |_| json!({})),
    rule("product", Told::Public, |a| json!({ "id": a.product })),
    rule("products", Told::Public, |_| json!({})),
    rule("supplier", Told::Public, |a| json!({ "id": a.supplier_id })),
    rule("suppliers", Told::Public, |_| json!({})),
    rule("escrowProcess", Told::Public, |_| json!({})),
    rule("bankAccountForms", Told::Public, |_| json!({ "country": "US" })),
    rule("sandboxClock", Told::Public, |_| json!({})),
    rule("viewer", Told::Public, |_| json!({})),
    rule("conversation", Told::NotFound, |a| json!({ "id": a.conversation })),
    rule("conversations", Told::NotFound, |a| json!({ "filter": { "supplierId": a.supplier_id } })),
    rule("credentials", Told::NotFound, |a| json!({ "subjectId": a.buyer_id })),
    rule("dispute", Told::NotFound, |a| json!({ "id": a.dispute })),
    rule("node", Told::NotFound, |a| json!({ "id": a.disputed })),
    rule("nodes", Told::NotFound, |a| {
        json!({ "ids": [a.disputed, a.payment, a.refund, a.dispute, a.conversation,
        a.payout, a.file, a.proposal, a.buyer_id, a.session] })
    }),
    rule("order", Told::NotFound, |a| json!({ "id": a.disputed })),
    rule("orderEvents", Told::NotFound, |a| json!({ "orderId": a.disputed })),
    rule("orders", Told::NotFound, |a| json!({ "filter": { "number": a.number } })),
    rule("payment", Told::NotFound, |a| json!({ "id": a.payment })),
    rule("paymentMethods", Told::NotFound, |a| json!({ "orderId": a.placed })),
    rule("payouts", Told::Nothing, |_| json!({})),
    rule("refund", Told::NotFound, |a| json!({ "id": a.refund })),
    rule("supplierBalance", Told::Nothing, |a| json!({ "supplierId": a.supplier_id })),
    rule("webhookDeliveries", Told::Nothing, |a| json!({ "endpointId": a.endpoint })),
    rule("webhookEndpoint", Told::NotFound, |a| json!({ "id": a.endpoint })),
    rule("webhookEndpoints", Told::Nothing, |_| json!({})),
    rule("disputesToRule", Told::Refused, |_| json!({})),
    rule("ledger", Told::Refused, |a| json!({ "orderId": a.disputed })),
    rule("openChargebacks", Told::Refused, |_| json!({})),
    rule("handBookings", Told::Refused, |_| json!({})),
    rule("quarantine", Told::Refused, |_| json!({})),
    rule("reconciliationBreaks", Told::Refused, |_| json!({})),
    rule("refundsToSettle", Told::Refused, |_| json!({})),
    rule("unappliedFunds", Told::Refused, |_| json!({})),
];

pub(super) const SUBSCRIPTIONS: &[Rule] = &[
    rule("orderEvents", Told::NotFound, |a| json!({ "orderId": a.disputed })),
    rule("order", Told::NotFound, |a| json!({ "id": a.disputed })),
    rule("messages", Told::NotFound, |a| json!({ "conversationId": a.conversation })),
];

const ACCOUNT: fn() -> Value = || json!({ "accountHolder": "X", "country": "DE", "iban": "DE89370400440532013000" });
const SOMEWHERE: fn() -> Value =
    || json!({ "name": "X", "line1": "X 1", "city": "X", "postalCode": "1", "country": "BR" });

pub(super) const MUTATIONS: &[Rule] = &[
    // An order's
    rule("confirmOrder", Told::NotFound, |a| json!({ "orderId": a.placed, "contractVersion": 1 })),
    rule("payOrder", Told::NotFound, |a| json!({ "orderId": a.placed, "idempotencyKey": "w", "method": "VISA" })),
    rule("cancelOrder", Told::NotFound, |a| json!({ "orderId": a.placed })),
    rule("draftOrder", Told::NotFound, |a| {
        json!({ "orderId": a.placed, "idempotencyKey": "w", "shipWithinDays": 5,
        "shippingFee": "0", "lines": [{ "description": "X", "quantity": 1, "unit": "piece", "unitPrice": "1" }] })
    }),
    rule("confirmReceived", Told::NotFound, |a| json!({ "orderId": a.disputed })),
    rule("shipOrder", Told::NotFound, |a| json!({ "orderId": a.troubled, "carrier": "DHL", "trackingNumber": "1" })),
    rule(
        "updateShipment",
        Told::NotFound,
        |a| json!({ "orderId": a.disputed, "carrier": "DHL", "trackingNumber": "1" }),
    ),
    rule("extendDeadline", Told::NotFound, |a| json!({ "orderId": a.troubled, "days": 1 })),
    rule("cancelRequest", Told::NotFound, |a| json!({ "orderId": a.troubled, "reason": "X" })),
    rule("withdrawCancelRequest", Told::NotFound, |a| json!({ "orderId": a.troubled })),
    rule("answerCancelRequest", Told::NotFound, |a| json!({ "orderId": a.troubled, "grant": true })),
    rule("refundOrder", Told::NotFound, |a| json!({ "orderId": a.troubled, "idempotencyKey": "w", "amount": "1" }))
        .operators_may(),
    rule("provideRefundAccount", Told::NotFound, |a| json!({ "orderId": a.troubled, "account": ACCOUNT() })),
    rule("openDispute", Told::NotFound, |a| {
        json!({ "orderId": a.troubled, "reason": "DAMAGED", "description": "X",
        "goodsGoBack": false, "refundAmount": "1" })
    }),
    rule("withdrawDispute", Told::NotFound, |a| json!({ "orderId": a.disputed })),
    rule("escalateDispute", Told::NotFound, |a| json!({ "orderId": a.disputed })),
    rule(
        "proposeSettlement",
        Told::NotFound,
        |a| json!({ "orderId": a.disputed, "goodsGoBack": false, "refundAmount": "1" }),
    ),
    rule("acceptSettlement", Told::NotFound, |a| json!({ "orderId": a.disputed, "proposalId": a.proposal })),
    rule(
        "resolveDispute",
        Told::NotFound,
        |a| json!({ "orderId": a.disputed, "goodsGoBack": false, "refundAmount": "1", "ruling": "X" }),
    )
    .operators_may(),
    rule("shipReturn", Told::NotFound, |a| json!({ "orderId": a.disputed, "carrier": "DHL", "trackingNumber": "1" })),
    rule("confirmReturn", Told::NotFound, |a| json!({ "orderId": a.disputed })),
    rule("contestReturn", Told::NotFound, |a| json!({ "orderId": a.disputed, "reason": "X" })),
    rule("createUpload", Told::NotFound, |a| {
        json!({ "about": { "orderId": a.disputed }, "fileName": "x.txt", "mediaType": "text/plain", "byteSize": 1 })
    })
    .operators_may(),
    rule("addEvidence", Told::NotFound, |a| json!({ "orderId": a.disputed, "text": "X" })).operators_may(),
    rule("leaveFeedback", Told::NotFound, |a| {
        json!({ "orderId": a.completed, "productAsAgreed": 1,
        "communication": 1, "shippingTime": 1 })
    }),
    rule("replyToFeedback", Told::NotFound, |a| json!({ "orderId": a.completed, "reply": "X" })),
    rule("freezeOrder", Told::NotFound, |a| json!({ "orderId": a.disputed, "reason": "OTHER" })).operators_may(),
    rule("unfreezeOrder", Told::NotFound, |a| json!({ "orderId": a.disputed })).operators_may(),
    // Talk and listings
    rule(
        "contactSupplier",
        Told::NotFound,
        |a| json!({ "supplierId": a.supplier_id, "orderId": a.disputed, "text": "X" }),
    ),
    rule("sendMessage", Told::NotFound, |a| json!({ "conversationId": a.conversation, "text": "X" })),
    rule("contactBuyer", Told::NotFound, |a| json!({ "orderId": a.disputed, "text": "X" })),
    rule(
        "markConversationRead",
        Told::NotFound,
        |a| json!({ "conversationId": a.conversation, "lastReadMessageId": a.message }),
    ),
    rule("updateProduct", Told::NotFound, |a| json!({ "productId": a.product, "name": "Mine" })),
    // Credentials
    rule("revokeBuyerSession", Told::NotFound, |a| json!({ "credentialId": a.session })).storefront_may(),
    rule("revokeCredential", Told::NotFound, |a| json!({ "credentialId": a.storefront_credential }))
        .operators_may()
        .storefront_may(),
    rule("rotateCredential", Told::NotFound, |a| json!({ "credentialId": a.storefront_credential })).storefront_may(),
    // Webhooks
    rule("createWebhookEndpoint", Told::Public, |_| {
        json!({ "idempotencyKey": "w", "url": "http://127.0.0.1:9/outsider" })
    }),
    rule("updateWebhookEndpoint", Told::NotFound, |a| json!({ "endpointId": a.endpoint, "enabled": false }))
        .storefront_may(),
    rule("deleteWebhookEndpoint", Told::NotFound, |a| json!({ "endpointId": a.endpoint })).storefront_may(),
    rule("rotateWebhookSecret", Told::NotFound, |a| json!({ "endpointId": a.endpoint })).storefront_may(),
    rule("sendTestEvent", Told::NotFound, |a| json!({ "endpointId": a.endpoint })).storefront_may(),
    rule("replayEvents", Told::NotFound, |a| {
        json!({ "endpointId": a.endpoint, "events": { "range": { "from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z" } } })
    })
    .storefront_may(),
    // The sandbox's
    rule("sandboxProviderEvent", Told::NotFound, |a| json!({ "type": "PAYMENT_CAPTURED", "paymentId": a.payment }))
        .operators_may()
        .storefront_may(),
    rule("sandboxAdvanceClock", Told::NotCalled("it moves everybody's clock"), |_| json!({})),
    // One's own
    rule("buyNow", Told::Public, |a| {
        json!({ "idempotencyKey": "w", "productId": a.product, "quantity": 20,
        "shippingAddress": SOMEWHERE() })
    }),
    rule("requestDraft", Told::Public, |a| {
        json!({ "idempotencyKey": "v", "supplierId": a.supplier_id,
        "currency": "USD", "message": "X", "shippingAddress": SOMEWHERE() })
    }),
    rule("createProduct", Told::Public, |_| {
        json!({ "sku": "X", "name": "X", "category": "X", "unit": "piece",
        "leadTimeDays": 1, "minimumOrderQuantity": 1, "stock": 1,
        "priceTiers": [{ "minimumQuantity": 1, "unitPrice": { "amount": "1", "currency": "USD" } }] })
    }),
    rule("createBuyerSession", Told::Public, |_| json!({ "buyerReference": "somebody new" })),
    rule(
        "setPayoutAccount",
        Told::Public,
        |_| json!({ "accountHolder": "X", "country": "FR", "iban": "FR1420041010050500013M02606" }),
    ),
    rule("endSession", Told::NotCalled("it ends the session that asks"), |_| json!({})),
    // Operators'
    rule("createStorefront", Told::Refused, |_| json!({ "name": "X" })),
    rule("updateStorefront", Told::Refused, |a| json!({ "storefrontId": a.storefront_id, "name": "X" })),
    rule("createSupplier", Told::Refused, |_| json!({ "name": "X", "country": "DE", "city": "X" })),
    rule("verifySupplier", Told::Refused, |a| json!({ "supplierId": a.supplier_id })),
    rule(
        "createCredential",
        Told::Refused,
        |a| json!({ "role": "STOREFRONT", "subjectId": a.storefront_id, "label": "X" }),
    ),
    rule(
        "applyFunds",
        Told::Refused,
        |a| json!({ "orderId": a.disputed, "unappliedFundsId": "receipt_01kdvdna00e008000000000000" }),
    ),
    rule("refundUnapplied", Told::Refused, |_| json!({ "unappliedFundsId": "receipt_01kdvdna00e008000000000000" })),
    rule(
        "redriveNotification",
        Told::Refused,
        |_| json!({ "notificationId": "notification_01kdvdna00e008000000000000" }),
    ),
    rule(
        "bookQuarantined",
        Told::Refused,
        |_| json!({ "notificationId": "notification_01kdvdna00e008000000000000", "as": "SET_ASIDE", "reason": "X" }),
    ),
    rule(
        "dismissQuarantined",
        Told::Refused,
        |_| json!({ "notificationId": "notification_01kdvdna00e008000000000000", "reason": "X" }),
    ),
    rule(
        "bookBreak",
        Told::Refused,
        |_| json!({ "breakId": "break_01kdvdna00e008000000000000", "as": "ACCEPTED", "reason": "X" }),
    ),
    rule(
        "decideChargeback",
        Told::Refused,
        |_| json!({ "chargebackId": "chargeback_01kdvdna00e008000000000000", "outcome": "WON" }),
    ),
    rule("approveBooking", Told::Refused, |_| json!({ "bookingId": "booking_01kdvdna00e008000000000000" })),
    rule(
        "rejectBooking",
        Told::Refused,
        |_| json!({ "bookingId": "booking_01kdvdna00e008000000000000", "reason": "X" }),
    ),
    rule("retryRefund", Told::Refused, |a| json!({ "refundId": a.refund, "orderId": a.troubled })),
    rule("bearRefundCharge", Told::Refused, |a| json!({ "refundId": a.refund, "orderId": a.troubled })),
    rule("closePayment", Told::Refused, |a| {
        json!({ "paymentId": "payment_01kdvdna00e008000000000000", "orderId": a.troubled })
    }),
    rule("acceptShortfall", Told::Refused, |a| json!({ "orderId": a.troubled })),
    rule("reconcile", Told::Refused, |_| json!({ "day": "2026-01-01" })),
    rule("requestManualPayout", Told::Refused, |a| json!({ "payoutId": a.payout })),
    rule("approveManualPayout", Told::Refused, |a| json!({ "payoutId": a.payout })),
    rule("rejectManualPayout", Told::Refused, |a| json!({ "payoutId": a.payout, "reason": "X" })),
    rule("confirmManualPayout", Told::Refused, |a| json!({ "payoutId": a.payout, "bankReference": "X" })),
    rule("requestManualRefund", Told::Refused, |a| json!({ "refundId": a.refund, "orderId": a.troubled })),
    rule("approveManualRefund", Told::Refused, |a| json!({ "refundId": a.refund, "orderId": a.troubled })),
    rule(
        "rejectManualRefund",
        Told::Refused,
        |a| json!({ "refundId": a.refund, "orderId": a.troubled, "reason": "X" }),
    ),
    rule(
        "confirmManualRefund",
        Told::Refused,
        |a| json!({ "refundId": a.refund, "orderId": a.troubled, "bankReference": "X" }),
    ),
];
