//! Every input with an `idempotencyKey`: any other value of any of its fields is another call.

use std::collections::BTreeSet;

use async_graphql::registry::{MetaType, MetaTypeName, Registry};
use async_graphql::{InputType, Name, Value};
use entity::{OperatorId, OrderId};

use crate::auth::Viewer;
use crate::crypto::Cipher;
use crate::graphql::catalog::mutation::{CreateProductInput, UpdateProductInput};
use crate::graphql::dispute::{evidence, mutation as dispute};
use crate::graphql::messaging::conversation::{ContactBuyerInput, ContactSupplierInput, SendMessageInput};
use crate::graphql::operator::order as operator;
use crate::graphql::operator::{booking, ways_out};
use crate::graphql::order::{cancel, feedback, input as order, shipping};
use crate::graphql::party::mutation as party;
use crate::graphql::payout::object as payout;
use crate::graphql::refund::{mutation as refund, unapplied};
use crate::graphql::webhook::mutation::CreateWebhookEndpointInput;
use crate::idempotency::IdempotencyKey;

const KEY: &str = "idempotencyKey";
const VERSION: &str = "expectedVersion";

/// What a value is made of: two samples of each type, which differ.
struct Samples {
    registry: Registry,
}

impl Samples {
    /// None for a type that is named within itself.
    fn of(&self, kind: &str, second: bool) -> Value {
        match MetaTypeName::create(kind) {
            MetaTypeName::NonNull(inner) => self.of(inner, second),
            MetaTypeName::List(inner) => Value::List(vec![self.of(inner, second)]),
            MetaTypeName::Named(name) => self.named(name, second),
        }
    }

    fn named(&self, name: &str, second: bool) -> Value {
        match name {
            "Int" => Value::from(if second { 4 } else { 3 }),
            "Boolean" => Value::from(second),
            "ID" => Value::from(OrderId(uuid::Uuid::from_u128(if second { 2 } else { 1 })).to_string()),
            "DateTime" => Value::from(if second { "2026-03-02T12:00:00Z" } else { "2026-03-01T12:00:00Z" }),
            _other => match self.registry.types.get(name) {
                Some(MetaType::Enum { enum_values, .. }) => {
                    let value = enum_values.keys().nth(usize::from(second)).expect("two values");
                    Value::Enum(Name::new(value))
                }
                Some(MetaType::InputObject { .. }) => self.object(name, second),
                Some(MetaType::Scalar { .. }) | None => Value::from(if second { "2.50" } else { "1.50" }),
                Some(other) => panic!("{} is no input", other.name()),
            },
        }
    }

    fn object(&self, name: &str, second: bool) -> Value {
        let fields = self.fields(name);
        Value::Object(fields.iter().map(|(field, kind)| (Name::new(field), self.of(kind, second))).collect())
    }

    fn fields(&self, name: &str) -> Vec<(String, String)> {
        let Some(MetaType::InputObject { input_fields, .. }) = self.registry.types.get(name) else {
            panic!("{name} is no input");
        };
        input_fields.iter().map(|(field, input)| (field.clone(), input.ty.clone())).collect()
    }
}

fn fingerprint<T: InputType>(value: Value) -> Option<String> {
    let Ok(input) = T::parse(Some(value.clone())) else { panic!("{} does not take {value}", T::type_name()) };
    let viewer = Viewer::Operator { operator_id: OperatorId(uuid::Uuid::nil()) };
    IdempotencyKey::of(&Cipher::new([7; 32]), &viewer, "mutation", &input).map(|key| key.fingerprint().to_owned())
}

/// `value` with one field, or one of a field's own fields, of another value.
fn changed(samples: &Samples, kind: &str, value: &Value, other: &Value) -> Vec<(String, Value)> {
    match (MetaTypeName::create(kind), value, other) {
        (MetaTypeName::NonNull(inner), ..) => changed(samples, inner, value, other),
        (MetaTypeName::List(inner), Value::List(values), Value::List(others)) => {
            let one = changed(samples, inner, &values[0], &others[0]);
            one.into_iter().map(|(path, value)| (path, Value::List(vec![value]))).collect()
        }
        (MetaTypeName::Named(name), Value::Object(fields), Value::Object(others)) => {
            let mut changes = Vec::new();
            for (field, kind) in samples.fields(name) {
                for (path, value) in changed(samples, &kind, &fields[field.as_str()], &others[field.as_str()]) {
                    let mut changed = fields.clone();
                    changed.insert(Name::new(&field), value);
                    changes.push((format!("{field}.{path}"), Value::Object(changed)));
                }
            }
            changes
        }
        (MetaTypeName::Named(_) | MetaTypeName::List(_), ..) => vec![(String::new(), other.clone())],
    }
}

/// Shows it for one type of input; its name.
fn covers_all<T: InputType>() -> String {
    let mut registry = Registry::default();
    T::create_type_info(&mut registry);
    let (samples, name) = (Samples { registry }, T::type_name().into_owned());
    let (value, other) = (samples.object(&name, false), samples.object(&name, true));
    let first = fingerprint::<T>(value.clone());
    assert!(first.is_some(), "{name} has no key");
    let changes = changed(&samples, &name, &value, &other);
    assert!(changes.len() > 1, "{name}");
    for (path, value) in changes {
        let is_left_out = path == format!("{KEY}.") || path == format!("{VERSION}.");
        assert_eq!(fingerprint::<T>(value) == first, is_left_out, "{name}: {path}");
    }
    name
}

macro_rules! names {
    ($($input:ty,)+) => { BTreeSet::from([$(covers_all::<$input>(),)+]) };
}

#[test]
fn a_key_covers_every_field_of_its_input() {
    let shown = names![
        dispute::AcceptSettlementInput,
        ways_out::AcceptShortfallInput,
        ways_out::BearRefundChargeInput,
        ways_out::ClosePaymentInput,
        ways_out::RetryRefundInput,
        evidence::AddEvidenceInput,
        cancel::AnswerCancelRequestInput,
        unapplied::ApplyFundsInput,
        booking::ApproveBookingInput,
        payout::ApproveManualPayoutInput,
        refund::ApproveManualRefundInput,
        booking::BookBreakInput,
        booking::BookQuarantinedInput,
        order::BuyNowInput,
        order::CancelOrderInput,
        cancel::CancelRequestInput,
        payout::ConfirmManualPayoutInput,
        refund::ConfirmManualRefundInput,
        order::ConfirmOrderInput,
        shipping::ConfirmReceivedInput,
        dispute::ConfirmReturnInput,
        ContactBuyerInput,
        ContactSupplierInput,
        dispute::ContestReturnInput,
        CreateProductInput,
        party::CreateStorefrontInput,
        party::CreateSupplierInput,
        CreateWebhookEndpointInput,
        booking::DismissQuarantinedInput,
        order::DraftOrderInput,
        dispute::EscalateDisputeInput,
        shipping::ExtendDeadlineInput,
        operator::DecideChargebackInput,
        operator::FreezeOrderInput,
        feedback::LeaveFeedbackInput,
        dispute::OpenDisputeInput,
        order::PayOrderInput,
        dispute::ProposeSettlementInput,
        refund::ProvideRefundAccountInput,
        refund::RefundOrderInput,
        unapplied::RefundUnappliedInput,
        booking::RejectBookingInput,
        payout::RejectManualPayoutInput,
        refund::RejectManualRefundInput,
        feedback::ReplyToFeedbackInput,
        order::RequestDraftInput,
        payout::RequestManualPayoutInput,
        refund::RequestManualRefundInput,
        dispute::ResolveDisputeInput,
        SendMessageInput,
        party::SetPayoutAccountInput,
        shipping::ShipOrderInput,
        dispute::ShipReturnInput,
        operator::UnfreezeOrderInput,
        UpdateProductInput,
        shipping::UpdateShipmentInput,
        cancel::WithdrawCancelRequestInput,
        dispute::WithdrawDisputeInput,
    ];
    let sdl = crate::graphql::sdl(&crate::graphql::build(ground::setting::Mode::Sandbox));
    let with_key = sdl.split("\ninput ").skip(1).filter_map(|text| {
        let (name, rest) = text.split_once(" {")?;
        rest.split("\n}").next()?.contains(&format!("\t{KEY}:")).then(|| name.to_owned())
    });
    assert_eq!(with_key.collect::<BTreeSet<_>>(), shown);
}

#[test]
fn null_is_not_what_is_left_out_where_it_removes() {
    let input = |more: Option<Value>| {
        let mut fields = vec![(Name::new(KEY), Value::from("k")), (Name::new("productId"), Value::from("product_1"))];
        fields.extend(more.map(|value| (Name::new("incoterm"), value)));
        fingerprint::<UpdateProductInput>(Value::Object(fields.into_iter().collect()))
    };
    assert_ne!(input(None), input(Some(Value::Null)));
}

#[test]
fn the_same_written_otherwise_is_the_same() {
    let input = |amount: &str| {
        let fields = [(KEY, "k"), ("orderId", "order_1"), ("amount", amount)];
        let fields = fields.into_iter().map(|(name, value)| (Name::new(name), Value::from(value)));
        fingerprint::<refund::RefundOrderInput>(Value::Object(fields.collect()))
    };
    assert_eq!(input("10"), input("10.00"));
    assert_ne!(input("10"), input("10.01"));
}
