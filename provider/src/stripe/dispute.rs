//! Disputes: what the card company takes, and gives back.
//!
//! An event shows the dispute as it was then, with the movements of our balance that it had made; any of them may come first,
//! twice or never. So each is read for all that it says, and a movement is called by its dispute, which takes money once
//! and gives it back once. An inquiry (`warning_…`) moves nothing; the order waits until it is closed, or until an operator has decided
//! that it can go on (it ends when the buyer is refunded, which nobody can be while the order is frozen).

use serde::Deserialize;

use super::amount::from_wire;
use crate::fact::{ChargebackStage, Fact};
use crate::wire::checked_id;

#[derive(Debug, Deserialize)]
pub(super) struct Dispute {
    id: String,
    amount: i64,
    currency: String,
    payment_intent: Option<String>,
    reason: Option<String>,
    status: String,
    balance_transactions: Option<Vec<Moved>>,
}

#[derive(Debug, Deserialize)]
struct Moved {
    amount: i64,
    currency: String,
}

/// What the type of an event says about our balance, besides the dispute itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DisputeEvent {
    Dispute,
    Withdrawn,
    Reinstated,
}

pub(super) fn withdrawn(dispute: &str) -> String {
    format!("{dispute}:withdrawn")
}

pub(super) fn reinstated(dispute: &str) -> String {
    format!("{dispute}:reinstated")
}

fn unclear(what: &str) -> ChargebackStage {
    ChargebackStage::Unclear { what: what.to_owned() }
}

impl Dispute {
    pub(super) fn facts(&self, notification: DisputeEvent) -> Result<Vec<Fact>, String> {
        let id = checked_id(&self.id)?;
        let reference = checked_id(self.payment_intent.as_deref().ok_or("a dispute of no PaymentIntent")?)?;
        let amount = from_wire(self.amount, &self.currency)?;
        let reason = self.reason.as_deref().unwrap_or("general").replace('_', " ");
        let was_taken = notification == DisputeEvent::Withdrawn || self.moved().any(|moved| moved.amount < 0);
        let was_given = notification == DisputeEvent::Reinstated || self.moved().any(|moved| moved.amount > 0);
        let mut stages = Vec::new();
        if was_taken {
            stages.push(ChargebackStage::Debited { movement: withdrawn(&id) });
        }
        match self.status.as_str() {
            "warning_needs_response" | "warning_under_review" if !was_taken && !was_given => {
                stages.push(ChargebackStage::Inquiry);
            }
            "warning_closed" if !was_taken && !was_given => {
                stages.push(ChargebackStage::Inquiry);
                stages.push(ChargebackStage::Won { movement: None });
            }
            "lost" if was_given => {
                stages.push(unclear("it is lost, but money came back"));
                stages.push(ChargebackStage::Won { movement: Some(reinstated(&id)) });
            }
            "lost" => stages.push(ChargebackStage::Lost),
            // The buyer was given the money another way, or the bank was convinced before: our balance says which.
            "prevented" if was_given || !was_taken => {
                stages.push(ChargebackStage::Won { movement: was_given.then(|| reinstated(&id)) });
            }
            "prevented" => stages.push(unclear("it was prevented, but the money that was taken is not back")),
            "won" => stages.push(ChargebackStage::Won { movement: was_given.then(|| reinstated(&id)) }),
            "warning_needs_response"
            | "warning_under_review"
            | "warning_closed"
            | "needs_response"
            | "under_review" => {
                if was_given {
                    stages.push(ChargebackStage::Won { movement: Some(reinstated(&id)) });
                } else if !was_taken {
                    stages.push(ChargebackStage::Opened);
                }
            }
            status => {
                stages.push(unclear(&format!("its status at Stripe is {status:?}, which is not known here")));
                if was_given {
                    stages.push(ChargebackStage::Won { movement: Some(reinstated(&id)) });
                }
            }
        }
        let fact = |stage| {
            let (reference, chargeback, reason) = (reference.clone(), id.clone(), reason.clone());
            Fact::Chargeback { reference, chargeback, amount: Some(amount), stage, reason }
        };
        if let Some(problem) = self.misfit() {
            // It is there, and waits; how much of it was moved, somebody has to look up.
            return Ok(vec![fact(ChargebackStage::Opened), fact(unclear(&problem))]);
        }
        Ok(stages.into_iter().map(fact).collect())
    }

    fn moved(&self) -> impl Iterator<Item = &Moved> {
        self.balance_transactions.iter().flatten()
    }

    /// Another amount than the dispute's: a part only, or one that was counted together with something else. In another
    /// currency it can't be compared; Stripe has converted it.
    fn misfit(&self) -> Option<String> {
        let is_of_it =
            |moved: &&Moved| moved.currency == self.currency && moved.amount.checked_abs() != Some(self.amount);
        let moved = self.moved().find(is_of_it)?;
        Some(format!("dispute {} of {} moved {}, in Stripe's units", self.id, self.amount, moved.amount))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn stages(status: &str, moved: Value, notification: DisputeEvent) -> Vec<String> {
        let dispute = json!({ "id": "dp_1", "amount": 500, "currency": "eur", "payment_intent": "pi_1",
            "reason": "product_not_received", "status": status, "balance_transactions": moved });
        let dispute: Dispute = serde_json::from_value(dispute).expect("parses");
        match dispute.facts(notification) {
            Ok(facts) => facts.iter().map(in_short).collect(),
            Err(error) => vec![format!("error: {error}")],
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the others are shown as they are")]
    fn in_short(fact: &Fact) -> String {
        match fact {
            Fact::Chargeback { stage: ChargebackStage::Inquiry, .. } => "inquiry".to_owned(),
            Fact::Chargeback { stage: ChargebackStage::Unclear { .. }, .. } => "unclear".to_owned(),
            Fact::Chargeback { stage: ChargebackStage::Opened, .. } => "opened".to_owned(),
            Fact::Chargeback { stage: ChargebackStage::Debited { movement }, .. } => format!("debited {movement}"),
            Fact::Chargeback { stage: ChargebackStage::Won { movement }, .. } => format!("won {movement:?}"),
            Fact::Chargeback { stage: ChargebackStage::Lost, .. } => "lost".to_owned(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn each_event_is_read_for_all_that_it_says() {
        let out = json!([{ "amount": -500, "currency": "eur" }]);
        let both = json!([{ "amount": -500, "currency": "eur" }, { "amount": 500, "currency": "eur" }]);
        let converted = json!([{ "amount": -541, "currency": "usd" }]);
        let (debited, back) = ("debited dp_1:withdrawn", r#"won Some("dp_1:reinstated")"#);
        for (status, moved, notification, expected) in [
            ("needs_response", json!([]), DisputeEvent::Dispute, vec!["opened"]),
            ("needs_response", out.clone(), DisputeEvent::Dispute, vec![debited]),
            ("needs_response", json!([]), DisputeEvent::Withdrawn, vec![debited]),
            ("under_review", converted, DisputeEvent::Withdrawn, vec![debited]),
            ("won", json!([]), DisputeEvent::Dispute, vec!["won None"]),
            ("won", out.clone(), DisputeEvent::Dispute, vec![debited, "won None"]),
            ("won", both.clone(), DisputeEvent::Dispute, vec![debited, back]),
            ("won", out.clone(), DisputeEvent::Reinstated, vec![debited, back]),
            ("under_review", both.clone(), DisputeEvent::Reinstated, vec![debited, back]),
            ("lost", json!([]), DisputeEvent::Dispute, vec!["lost"]),
            ("lost", out.clone(), DisputeEvent::Dispute, vec![debited, "lost"]),
            ("warning_needs_response", json!([]), DisputeEvent::Dispute, vec!["inquiry"]),
            ("warning_closed", json!([]), DisputeEvent::Dispute, vec!["inquiry", "won None"]),
            ("prevented", json!([]), DisputeEvent::Dispute, vec!["won None"]),
            ("prevented", out.clone(), DisputeEvent::Dispute, vec![debited, "unclear"]),
            ("prevented", both.clone(), DisputeEvent::Dispute, vec![debited, back]),
            ("lost", both.clone(), DisputeEvent::Dispute, vec![debited, "unclear", back]),
            ("something_new", out.clone(), DisputeEvent::Dispute, vec![debited, "unclear"]),
            (
                "needs_response",
                json!([{ "amount": -100, "currency": "eur" }]),
                DisputeEvent::Withdrawn,
                vec!["opened", "unclear"],
            ),
        ] {
            assert_eq!(stages(status, moved.clone(), notification), expected, "{status} {moved} {notification:?}");
        }
    }
}
