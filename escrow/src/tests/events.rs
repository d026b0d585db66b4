//! The rows of the events: every one has a sentence, and stands in the document for receivers.

use entity::dispute::SettledBy;
use entity::evidence::EvidenceAuthor;

use super::*;

/// A value for a field of an event.
pub(crate) trait Sample {
    fn sample() -> Self;
}

macro_rules! samples {
    ($($type:ty = $sample:expr,)+) => { $(impl Sample for $type { fn sample() -> Self { $sample } })+ };
}

samples! {
    bool = true,
    i32 = 3,
    i64 = 1_024,
    &'static str = "because",
    String = "a word".to_owned(),
    Time = now(),
    Money = five(),
    OrderStatus = OrderStatus::Shipped,
    PaymentId = PaymentId(Uuid::nil()),
    CancelRequestId = CancelRequestId(Uuid::nil()),
    DisputeId = DisputeId(Uuid::nil()),
    ProposalId = ProposalId(Uuid::nil()),
    EvidenceId = EvidenceId(Uuid::nil()),
    ChargebackId = ChargebackId(Uuid::nil()),
    PaymentMethod = PaymentMethod::Visa,
    ReceiptReason = ReceiptReason::Overpaid,
    DisputeReason = DisputeReason::Damaged,
    Side = Side::Supplier,
    SettledBy = SettledBy::Ruling,
    EvidenceAuthor = EvidenceAuthor::Buyer,
    FrozenBy = FrozenBy::Operator(FreezeReason::Compliance),
}

impl<T: Sample> Sample for Option<T> {
    fn sample() -> Self {
        Some(T::sample())
    }
}

#[test]
fn every_event_has_a_name_of_its_own_and_a_sentence_that_is_more_than_that() {
    let mut names: Vec<&str> = EVENT_TYPES.iter().map(|event_type| event_type.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), EVENT_TYPES.len(), "a name stands twice");
    for event in Event::samples() {
        let (name, sentence) = (event.kind(), event.summary());
        assert!(name.split_once('.').is_some_and(|(noun, verb)| !noun.is_empty() && !verb.is_empty()), "{name}");
        assert!(sentence.contains(' ') && !sentence.contains(name), "{name}: {sentence}");
        assert!(
            sentence.starts_with(|first: char| first.is_uppercase() || first.is_ascii_digit()),
            "{name}: {sentence}"
        );
    }
}

#[test]
fn the_document_for_receivers_lists_every_event_with_its_fields() {
    let document = include_str!("../../../docs/webhooks.md");
    let rows = document.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |")?.split_once("` | "));
    let listed: Vec<(&str, Vec<&str>)> = rows
        .filter(|(name, _fields)| name.contains('.') && !name.starts_with("data."))
        .map(|(name, fields)| (name, fields.split('`').skip(1).step_by(2).collect()))
        .collect();
    let mut declared: Vec<(&str, Vec<String>)> =
        Event::samples().iter().map(|event| (event.kind(), fields_of(event))).collect();
    declared.sort_unstable();
    for (listed, declared) in listed.iter().zip(&declared) {
        assert_eq!(
            (listed.0, &listed.1[..]),
            (declared.0, &declared.1.iter().map(String::as_str).collect::<Vec<_>>()[..])
        );
    }
    assert_eq!(listed.len(), declared.len());
}

/// As they are written, in their order.
fn fields_of(event: &Event) -> Vec<String> {
    let text = serde_json::to_string(event).expect("JSON");
    let mut fields = Vec::new();
    if let Ok(serde_json::Value::Object(object)) = serde_json::from_str(&text) {
        fields.extend(object.keys().cloned());
        fields.sort_by_key(|field| text.find(&format!("\"{field}\":")));
    }
    fields
}
