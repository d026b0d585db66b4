//! The terms that both sides agree to.
#![cfg_attr(doc, allow(rustdoc::broken_intra_doc_links, reason = "brackets in a description of the API are no link"))]

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};
use entity::contract::{Address, Deadlines, Drafter, Line, Model};

use crate::error::Error;
use crate::graphql::base::scalars::{CountryCode, Money};
use crate::graphql::loader::order::{ContractVersion, loader};
use crate::order::{self, canonical_terms};

pub struct Contract(pub Model);

/// Who drew a contract up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
pub enum DraftedBy {
    /// Buy Now: the listing is the supplier's standing consent.
    Listing,
    /// The supplier drafted it.
    Supplier,
}

pub struct ContractLine {
    line: Line,
    currency: entity::Currency,
}

/// One thing sold.
#[Object]
impl ContractLine {
    /// The listing that is sold; null if the supplier described the thing in words only.
    async fn product_id(&self) -> Option<ID> {
        self.line.product_id.map(|id| ID(id.to_string()))
    }

    /// What is sold, in one line: at most 500 characters.
    async fn description(&self) -> &str {
        &self.line.description
    }

    /// How many units.
    async fn quantity(&self) -> i32 {
        i32::try_from(self.line.quantity).unwrap_or(i32::MAX)
    }

    /// What one piece of the quantity is: "piece", "reel", "kg".
    async fn unit(&self) -> &str {
        &self.line.unit
    }

    /// For `pricePerUnits` units.
    async fn unit_price(&self) -> Money {
        entity::Money::new(self.line.price, self.currency).into()
    }

    /// The price is for this many units, so that parts of a cent work.
    async fn price_per_units(&self) -> i32 {
        self.line.price_per_units
    }

    /// unitPrice × quantity ÷ pricePerUnits, half-even.
    async fn total(&self) -> Money {
        entity::Money::new(self.line.total, self.currency).into()
    }
}

/// One version of an order's contract. It is never changed; a further version replaces it.
#[Object]
impl Contract {
    /// Begins with `contract_`.
    pub async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// 1, 2, 3 … within the order. `confirmOrder` names it.
    async fn version(&self) -> i32 {
        self.0.version
    }

    /// SHA-256 of `canonicalTerms`, in 64 hexadecimal digits.
    async fn hash(&self) -> &str {
        &self.0.hash
    }

    /// The very text that `hash` covers: the terms as JSON with sorted keys, without blanks. Amounts are in minor units.
    async fn canonical_terms(&self) -> Result<String> {
        Ok(canonical_terms(&self.0.terms)?)
    }

    /// What is different from the version before it, or from another version of the order's contract; empty if nothing is.
    /// Null for the first version, unless `since` is given.
    async fn changes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The version to compare with, earlier or later; the one before if left out.")] since: Option<
            i32,
        >,
    ) -> Option<Result<Vec<ContractChange>>> {
        let since = match since {
            Some(since) => since,
            None if self.0.version > 1 => self.0.version - 1,
            None => return None,
        };
        Some(self.compare(ctx, since).await)
    }

    /// Who drew it up.
    async fn drafted_by(&self) -> DraftedBy {
        match self.0.drafted_by {
            Drafter::Listing => DraftedBy::Listing,
            Drafter::Supplier => DraftedBy::Supplier,
        }
    }

    /// What is sold; at least one.
    async fn lines(&self) -> Vec<ContractLine> {
        let terms = &self.0.terms;
        terms.lines.iter().map(|line| ContractLine { line: line.clone(), currency: terms.currency }).collect()
    }

    /// What the shipping costs besides the lines; may be zero.
    async fn shipping_fee(&self) -> Money {
        entity::Money::new(self.0.terms.shipping_fee, self.0.terms.currency).into()
    }

    /// What the buyer pays: the lines and the shipping fee.
    async fn total(&self) -> Money {
        entity::Money::new(self.0.terms.total, self.0.terms.currency).into()
    }

    /// A rule of Incoterms 2020, such as FOB; null if none was agreed.
    async fn incoterm(&self) -> Option<&str> {
        self.0.terms.incoterm.as_deref()
    }

    /// The ship-by date is this many days after the order is funded.
    async fn ship_within_days(&self) -> i32 {
        self.0.terms.ship_within_days
    }

    /// Days that the goods may travel, from the day they are shipped …
    async fn transit_days(&self) -> i32 {
        self.0.terms.transit_days
    }

    /// … and days that the buyer has to inspect them.
    async fn inspection_days(&self) -> i32 {
        self.0.terms.inspection_days
    }

    /// How long each side may take.
    async fn deadlines(&self) -> ContractDeadlines {
        self.0.terms.deadlines.clone().into()
    }

    /// Where the goods go.
    async fn shipping_address(&self) -> AddressObject {
        self.0.terms.shipping_address.clone().into()
    }

    /// The operator's fee on what is released to the supplier, in basis points (1/100 %).
    async fn fee_basis_points(&self) -> i32 {
        self.0.terms.fee_basis_points
    }

    /// When this version was put on the table.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}

impl Contract {
    async fn compare(&self, ctx: &Context<'_>, since: i32) -> Result<Vec<ContractChange>> {
        let earlier = loader(ctx).load_one(ContractVersion(self.0.order_id, since)).await?;
        let earlier = earlier.ok_or_else(|| Error::not_found("version of this order's contract"))?;
        Ok(order::changes(&earlier.terms, &self.0.terms).into_iter().map(Into::into).collect())
    }
}

/// One difference between two versions of a contract.
#[derive(Clone, Debug, SimpleObject)]
pub struct ContractChange {
    /// For programs: "lines[0].unitPrice". Lines are numbered from 0 as they stand in this version; those that are gone, as
    /// they stood in the other one.
    path: String,
    /// For people: "unit price of line 1".
    label: String,
    /// What it was; null if it is new. Amounts are exact, with their currency.
    before: Option<String>,
    /// What it is; null if it is gone.
    after: Option<String>,
}

impl From<order::Change> for ContractChange {
    fn from(change: order::Change) -> Self {
        let order::Change { path, label, before, after } = change;
        Self { path, label, before, after }
    }
}

/// How long each side may take under a contract. In days, unless the name says otherwise.
#[derive(SimpleObject)]
pub struct ContractDeadlines {
    /// Until an unconfirmed contract lapses.
    confirmation_days: i32,
    /// Until an unpaid order lapses …
    payment_days: i32,
    /// … and business days more, once a bank transfer is under way.
    bank_transfer_business_days: i32,
    /// After the ship-by date, until an unshipped order is refunded.
    overdue_days: i32,
    /// Hours until silence answers a cancel request.
    cancel_answer_hours: i32,
    /// Until the supplier's silence settles a dispute as the buyer proposed.
    dispute_answer_days: i32,
    /// From this day of a dispute either side may escalate it.
    dispute_escalation_from_days: i32,
    /// On this day it escalates by itself.
    dispute_escalation_days: i32,
    /// Until a dispute without a ruling raises an alarm.
    dispute_alarm_days: i32,
    /// Until goods that were not sent back are kept, and paid.
    return_shipping_days: i32,
    /// After the transit time of the returned goods, until silence settles as agreed.
    return_silence_days: i32,
}

impl From<Deadlines> for ContractDeadlines {
    fn from(deadlines: Deadlines) -> Self {
        Self {
            confirmation_days: deadlines.confirmation_days,
            payment_days: deadlines.payment_days,
            bank_transfer_business_days: deadlines.bank_transfer_business_days,
            overdue_days: deadlines.overdue_days,
            cancel_answer_hours: deadlines.cancel_answer_hours,
            dispute_answer_days: deadlines.dispute_answer_days,
            dispute_escalation_from_days: deadlines.dispute_escalation_from_days,
            dispute_escalation_days: deadlines.dispute_escalation_days,
            dispute_alarm_days: deadlines.dispute_alarm_days,
            return_shipping_days: deadlines.return_shipping_days,
            return_silence_days: deadlines.return_silence_days,
        }
    }
}

/// A postal address.
#[derive(Clone, SimpleObject)]
#[graphql(name = "Address")]
pub struct AddressObject {
    /// Person or company that receives it; at most 200 characters.
    name: String,
    /// Street and number; at most 200 characters.
    line1: String,
    /// Floor, building, care of; at most 200 characters.
    line2: Option<String>,
    /// At most 100 characters.
    city: String,
    /// State or province; at most 100 characters.
    region: Option<String>,
    /// As it is written there; at most 20 characters.
    postal_code: String,
    /// ISO 3166-1 alpha-2: "BR".
    country: CountryCode,
    /// For the carrier; at most 40 characters.
    phone: Option<String>,
}

impl From<Address> for AddressObject {
    fn from(address: Address) -> Self {
        Self {
            name: address.name,
            line1: address.line1,
            line2: address.line2,
            city: address.city,
            region: address.region,
            postal_code: address.postal_code,
            country: CountryCode(address.country),
            phone: address.phone,
        }
    }
}

/// Where to ship to.
#[derive(Clone, InputObject)]
pub struct AddressInput {
    /// Person or company that receives it; at most 200 characters.
    name: String,
    /// Street and number; at most 200 characters.
    line1: String,
    /// Floor, building, care of; at most 200 characters.
    line2: Option<String>,
    /// At most 100 characters.
    city: String,
    /// State or province; at most 100 characters.
    region: Option<String>,
    /// As it is written there; at most 20 characters.
    postal_code: String,
    /// ISO 3166-1 alpha-2: "BR".
    country: CountryCode,
    /// For the carrier; at most 40 characters.
    phone: Option<String>,
}

impl From<AddressInput> for Address {
    fn from(input: AddressInput) -> Self {
        Self {
            name: input.name,
            line1: input.line1,
            line2: input.line2,
            city: input.city,
            region: input.region,
            postal_code: input.postal_code,
            country: input.country.0,
            phone: input.phone,
        }
    }
}
