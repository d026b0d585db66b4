//! Sandbox only: makes the simulated bank do what a developer can't wait for, and tell us of it by a signed notification.

use async_graphql::{Context, Enum, ID, InputObject, Object, Result, SimpleObject};
use entity::{Currency, Money, PaymentId, PayoutId, RefundId, payment, payout, refund};

use crate::app::App;
use crate::auth::Viewer;
use crate::error::{Error, ErrorCode, Result as Outcome};
use crate::graphql::base::payload::{answer, payloads};
use crate::graphql::base::request::{app, viewer};
use crate::graphql::base::scalars::{CurrencyCode, Decimal};
use crate::order::{find_payments_by_id, find_refunds_by_id};
use crate::payment::find_payouts_by_id;
use crate::simulator::{self, ChargebackMove, ProviderEvent};
use crate::validate::Checks;

/// What the simulated bank is made to do. What is so already is told once more, under another id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum SandboxEventType {
    /// Money arrives: all that is missing, or any `amount`, also in another `currency` and after the payment has ended.
    PaymentCaptured,
    /// The payment is declined.
    PaymentDeclined,
    /// Money that had arrived is taken back without a dispute, as when a transfer bounces: all of it, or `amount`.
    PaymentReversed,
    /// A refund that is on its way succeeds now.
    RefundSucceeded,
    /// A refund fails, or comes back after it had succeeded.
    RefundFailed,
    /// The cardholder disputes the payment: all that has arrived, or `amount`.
    ChargebackOpened,
    /// The bank takes the money of an open chargeback from us.
    ChargebackDebited,
    /// A chargeback is given up, and what was taken comes back; also after it was lost.
    ChargebackWon,
    /// A chargeback stands.
    ChargebackLost,
    /// A payout that is on its way is paid now.
    PayoutPaid,
    /// A payout fails, or comes back after it had been paid.
    PayoutFailed,
}

/// What the bank is to do, and to what.
#[derive(InputObject)]
pub struct SandboxProviderEventInput {
    /// What it does.
    #[graphql(name = "type")]
    event_type: SandboxEventType,
    /// For `PAYMENT_…` and `CHARGEBACK_…`: the payment's.
    payment_id: Option<ID>,
    /// For `REFUND_…`: the refund's.
    refund_id: Option<ID>,
    /// For `PAYOUT_…`: the payout's. Only its supplier and operators see it.
    payout_id: Option<ID>,
    /// For `CHARGEBACK_DEBITED`, `CHARGEBACK_WON` and `CHARGEBACK_LOST`: the bank's id of it, `movement.id` of the event
    /// that opened it. The payment's newest that is neither won nor lost unless given.
    chargeback: Option<String>,
    /// For `PAYMENT_CAPTURED`, `PAYMENT_REVERSED` and `CHARGEBACK_OPENED`: how much; all unless given.
    amount: Option<Decimal>,
    /// Of `amount`; the payment's unless given.
    currency: Option<CurrencyCode>,
    /// The bank's words on what is declined, fails, or is taken back: at most 200 characters.
    reason: Option<String>,
    /// How often the same notification is sent, under the same id: 1 to 5, once unless given. It is applied once.
    repeat: Option<i32>,
}

/// A notification of the simulated bank's, signed and sent by the worker in a moment.
#[derive(SimpleObject)]
pub struct SandboxEvent {
    /// The bank's id of it, by which we know a repetition: the `eventId` of our notification.
    event_id: String,
    /// What it says has happened, in the bank's words: `payment.succeeded`.
    #[graphql(name = "type")]
    event_type: String,
    /// As it is sent: JSON.
    body: String,
}

payloads! {
    /// What `sandboxProviderEvent` answers.
    SandboxProviderEventPayload {
        /// What the bank says; null if nothing was done.
        event: SandboxEvent
    }
}

#[derive(Default)]
pub struct SandboxEventMutation;

#[Object]
impl SandboxEventMutation {
    /// Sandbox only: make the simulated bank do something to a payment, a refund or a payout of the viewer's. It changes its
    /// own books, so that it answers our questions accordingly, and sends a signed notification.
    async fn sandbox_provider_event(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What the bank is to do, and to what.")] input: SandboxProviderEventInput,
    ) -> Result<SandboxProviderEventPayload> {
        answer(provider_event(app(ctx), viewer(ctx), input).await)
    }
}

async fn provider_event(app: &App, viewer: Viewer, input: SandboxProviderEventInput) -> Outcome<SandboxEvent> {
    if viewer == Viewer::Anonymous {
        let message = "whose payment it is has to be known; send Authorization: Bearer <token>";
        return Err(Error::refused(ErrorCode::Unauthenticated, message));
    }
    let mut checks = Checks::input();
    let repeat = u8::try_from(checks.within("repeat", input.repeat.unwrap_or(1), 1..=5)).unwrap_or(1);
    refuse_unused(&mut checks, &input);
    let subject = match find_subject(app, &viewer, &mut checks, &input).await {
        Ok(subject) => subject,
        Err(error) => {
            let nothing = Subject { payment: None, refund: None, payout: None };
            drop(read_event(&mut checks, nothing, &input));
            return Err(checks.refuse_with(error));
        }
    };
    let event = read_event(&mut checks, subject, &input);
    let event = checks.finish_with(event)?;
    let notice = simulator::provider_event(app, &event, repeat).await?;
    Ok(SandboxEvent { event_id: notice.id, event_type: notice.event_type.to_owned(), body: notice.body })
}

impl SandboxEventType {
    /// The fields that it takes besides `repeat`; the first one is needed.
    fn fields(self) -> &'static [&'static str] {
        match self {
            Self::PaymentCaptured => &["paymentId", "amount", "currency"],
            Self::PaymentDeclined => &["paymentId", "reason"],
            Self::PaymentReversed | Self::ChargebackOpened => &["paymentId", "amount", "currency", "reason"],
            Self::ChargebackDebited | Self::ChargebackWon | Self::ChargebackLost => &["paymentId", "chargeback"],
            Self::RefundSucceeded => &["refundId"],
            Self::RefundFailed => &["refundId", "reason"],
            Self::PayoutPaid => &["payoutId"],
            Self::PayoutFailed => &["payoutId", "reason"],
        }
    }

    fn name(self) -> String {
        use async_graphql::{InputType, Value};
        if let Value::Enum(name) = self.to_value() { name.to_string() } else { format!("{self:?}") }
    }
}

/// A field that would be ignored is a misunderstanding.
fn refuse_unused(checks: &mut Checks, input: &SandboxProviderEventInput) {
    let used = input.event_type.fields();
    for (field, is_given) in [
        ("paymentId", input.payment_id.is_some()),
        ("refundId", input.refund_id.is_some()),
        ("payoutId", input.payout_id.is_some()),
        ("chargeback", input.chargeback.is_some()),
        ("amount", input.amount.is_some()),
        ("currency", input.currency.is_some()),
        ("reason", input.reason.is_some()),
    ] {
        let name = input.event_type.name();
        if is_given && !used.contains(&field) {
            checks.problem(field, ErrorCode::InvalidInput, format!("{name} does not take it; leave it out"));
        }
        if !is_given && used.first() == Some(&field) {
            checks.problem(field, ErrorCode::InvalidInput, format!("{name} needs it"));
        }
    }
}

/// What it is about, found for the viewer.
struct Subject {
    payment: Option<payment::Model>,
    refund: Option<String>,
    payout: Option<String>,
}

async fn find_subject(
    app: &App,
    viewer: &Viewer,
    checks: &mut Checks,
    input: &SandboxProviderEventInput,
) -> Outcome<Subject> {
    let payment = match input.payment_id.as_deref().and_then(|id| checks.id("paymentId", id)) {
        Some(id) => Some(require_payment(app, viewer, id).await?),
        None => None,
    };
    let refund = match input.refund_id.as_deref().and_then(|id| checks.id("refundId", id)) {
        Some(id) => Some(require_refund(app, viewer, id).await?.id.to_string()),
        None => None,
    };
    let payout = match input.payout_id.as_deref().and_then(|id| checks.id("payoutId", id)) {
        Some(id) => Some(require_payout(app, viewer, id).await?.id.to_string()),
        None => None,
    };
    Ok(Subject { payment, refund, payout })
}

/// None if `checks` names a problem.
fn read_event(checks: &mut Checks, subject: Subject, input: &SandboxProviderEventInput) -> Option<ProviderEvent> {
    let reason = input.reason.as_deref().map(|reason| checks.line("reason", reason, 200));
    let amount = read_amount(checks, subject.payment.as_ref().map(|payment| payment.currency), input);
    let chargeback = input.chargeback.as_deref().and_then(|id| checks.id("chargeback", id));
    let payment = subject.payment.map(|payment| payment.id.to_string());
    let moved = |payment, to| ProviderEvent::ChargebackMoved { payment, chargeback, to };
    match input.event_type {
        SandboxEventType::PaymentCaptured => payment.map(|payment| ProviderEvent::PaymentCaptured { payment, amount }),
        SandboxEventType::PaymentDeclined => payment.map(|payment| ProviderEvent::PaymentDeclined { payment, reason }),
        SandboxEventType::PaymentReversed => {
            payment.map(|payment| ProviderEvent::PaymentReversed { payment, amount, reason })
        }
        SandboxEventType::ChargebackOpened => {
            payment.map(|payment| ProviderEvent::ChargebackOpened { payment, amount, reason })
        }
        SandboxEventType::ChargebackDebited => payment.map(|payment| moved(payment, ChargebackMove::Debited)),
        SandboxEventType::ChargebackWon => payment.map(|payment| moved(payment, ChargebackMove::Won)),
        SandboxEventType::ChargebackLost => payment.map(|payment| moved(payment, ChargebackMove::Lost)),
        SandboxEventType::RefundSucceeded => subject.refund.map(|refund| ProviderEvent::RefundSucceeded { refund }),
        SandboxEventType::RefundFailed => subject.refund.map(|refund| ProviderEvent::RefundFailed { refund, reason }),
        SandboxEventType::PayoutPaid => subject.payout.map(|payout| ProviderEvent::PayoutPaid { payout }),
        SandboxEventType::PayoutFailed => subject.payout.map(|payout| ProviderEvent::PayoutFailed { payout, reason }),
    }
}

fn read_amount(checks: &mut Checks, usual: Option<Currency>, input: &SandboxProviderEventInput) -> Option<Money> {
    let currency = input.currency.as_ref().map(|code| checks.currency("currency", &code.0));
    match &input.amount {
        Some(amount) => {
            let currency = currency.or(usual);
            let amount = checks.amount_in("amount", &amount.0, currency, 1);
            currency.map(|currency| Money::new(amount, currency))
        }
        None if currency.is_some() => {
            checks.problem("amount", ErrorCode::InvalidInput, "a currency needs an amount");
            None
        }
        None => None,
    }
}

async fn require_payment(app: &App, viewer: &Viewer, id: PaymentId) -> Outcome<payment::Model> {
    let found = find_payments_by_id(&app.db.read, viewer, &[id]).await?.pop();
    found.ok_or_else(|| Error::not_found("payment").at("paymentId"))
}

/// Of one of the viewer's orders; an operator sees also those that belong to none.
async fn require_refund(app: &App, viewer: &Viewer, id: RefundId) -> Outcome<refund::Model> {
    let found = find_refunds_by_id(&app.db.read, viewer, &[id]).await?.pop();
    found.ok_or_else(|| Error::not_found("refund").at("refundId"))
}

/// The supplier's own, or anybody's for an operator.
async fn require_payout(app: &App, viewer: &Viewer, id: PayoutId) -> Outcome<payout::Model> {
    let found = find_payouts_by_id(&app.db.read, viewer, &[id]).await?.pop();
    found.ok_or_else(|| Error::not_found("payout").at("payoutId"))
}
