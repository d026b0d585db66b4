//! Balance transactions: what Stripe has booked, by day and currency, with the names that our facts have for the same.
//!
//! `amount` is gross and `net` is less Stripe's fee, which is a line of its own here. Amounts are in the currency in which the
//! account settles: where that is not the payment's, Stripe has converted it, and reconciliation will say so.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use entity::Currency;
use serde::Deserialize;
use serde_json::Value;

use super::amount::from_wire;
use super::api::Listed;
use super::dispute::{reinstated, withdrawn};
use super::object::{StripeMetadata, refund_name, returned};
use crate::statement::{LineKind, Statement, StatementLine};
use crate::wire::checked_id;

#[derive(Debug, Deserialize)]
pub(super) struct BalanceTransaction {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    amount: i64,
    fee: i64,
    currency: String,
    /// Expanded: an object, where the line is about one.
    source: Option<Value>,
}

impl Listed for BalanceTransaction {
    fn id(&self) -> &str {
        &self.id
    }
}

#[derive(Debug, Deserialize)]
struct Source {
    id: String,
    object: String,
    payment_intent: Option<String>,
    #[serde(default)]
    metadata: StripeMetadata,
}

pub(super) fn statements(day: NaiveDate, transactions: &[BalanceTransaction]) -> Result<Vec<Statement>, String> {
    let mut by_currency: BTreeMap<Currency, Vec<StatementLine>> = BTreeMap::new();
    for transaction in transactions {
        for line in transaction.lines()? {
            by_currency.entry(line.amount.currency).or_default().push(line);
        }
    }
    Ok(by_currency.into_iter().map(|(currency, lines)| Statement { currency, day, lines }).collect())
}

impl BalanceTransaction {
    fn lines(&self) -> Result<Vec<StatementLine>, String> {
        let mut lines = Vec::with_capacity(2);
        if self.amount != 0 {
            let (kind, movement, reference) = self.meaning()?;
            lines.push(self.line(kind, movement, reference, self.amount)?);
        }
        if self.fee != 0 {
            // Less than nothing where Stripe gives a fee back.
            let kind = if self.fee > 0 { LineKind::Fee } else { LineKind::OtherCredit };
            lines.push(self.line(kind, format!("{}:fee", checked_id(&self.id)?), None, self.fee)?);
        }
        Ok(lines)
    }

    fn line(
        &self,
        kind: LineKind,
        movement: String,
        reference: Option<String>,
        amount: i64,
    ) -> Result<StatementLine, String> {
        let size = amount.checked_abs().ok_or("an amount that is too large")?;
        Ok(StatementLine { kind, movement, reference, amount: from_wire(size, &self.currency)? })
    }

    /// What it is of ours, by its type, its direction and what it is about; anything else is only towards us or away.
    fn meaning(&self) -> Result<(LineKind, String, Option<String>), String> {
        let source = self.source()?;
        let of = |wanted: &str| source.as_ref().filter(|source| source.object == wanted);
        let comes = self.amount > 0;
        let found = match self.kind.as_str() {
            "charge" | "payment" if comes => of("charge").map(|charge| {
                let movement = charge.payment_intent.as_deref().unwrap_or(&charge.id);
                let reference = charge.metadata.get("payment_id").unwrap_or(movement);
                (LineKind::Capture, checked_id(movement), Some(reference))
            }),
            "refund" | "payment_refund" if !comes => of("refund").map(|refund| {
                let reference = refund.metadata.get("refund_id");
                (LineKind::Refund, refund_name(&refund.metadata, &refund.id), reference)
            }),
            "refund_failure" if comes => of("refund").map(|refund| {
                let reference = refund.metadata.get("refund_id");
                (LineKind::RefundReturned, checked_id(&refund.id).map(|id| returned(&id)), reference)
            }),
            "adjustment" => of("dispute").map(|dispute| {
                let id = checked_id(&dispute.id);
                let (kind, movement) = if comes {
                    (LineKind::ChargebackWon, id.map(|id| reinstated(&id)))
                } else {
                    (LineKind::Chargeback, id.map(|id| withdrawn(&id)))
                };
                (kind, movement, dispute.payment_intent.as_deref())
            }),
            "stripe_fee" | "stripe_fx_fee" | "tax_fee" if !comes => Some((LineKind::Fee, checked_id(&self.id), None)),
            _anything_else => None,
        };
        let Some((kind, movement, reference)) = found else {
            let kind = if comes { LineKind::OtherCredit } else { LineKind::OtherDebit };
            return Ok((kind, checked_id(&self.id)?, Some(self.kind.clone())));
        };
        Ok((kind, movement?, reference.map(str::to_owned)))
    }

    /// A source that is a mere id was not expanded, because it can't be.
    fn source(&self) -> Result<Option<Source>, String> {
        match &self.source {
            None | Some(Value::Null | Value::String(_)) => Ok(None),
            Some(source) => Source::deserialize(source)
                .map(Some)
                .map_err(|error| format!("{}: its source can't be read: {error}", self.id)),
        }
    }
}
