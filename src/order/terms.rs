//! Terms of a contract: made from a listing, or from what a supplier drafts; checked, summed and hashed.

use entity::contract::{Address, Deadlines, Line, Terms};
use entity::{Currency, MinorUnits, ProductId};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::catalog::Offer;
use crate::error::{Error, ErrorCode, Problem, Result};
use crate::validate::Checks;
use escrow::fee::line_total;

pub(super) const DEFAULT_TRANSIT_DAYS: i32 = 30;
pub(super) const DEFAULT_INSPECTION_DAYS: i32 = 14;
pub(super) const MOST_QUANTITY: i64 = 2_000_000_000;
/// So that no sum of an order can leave 64 bits.
const MOST_TOTAL: i64 = i64::MAX / 4;

/// What a supplier puts into a draft.
#[derive(Clone, Debug, Serialize)]
pub struct DraftTerms {
    pub currency: Option<String>,
    pub lines: Vec<DraftLine>,
    /// Decimal, in the draft's currency.
    pub shipping_fee: String,
    pub incoterm: Option<String>,
    pub ship_within_days: i32,
    pub transit_days: Option<i32>,
    pub inspection_days: Option<i32>,
    pub deadlines: DraftDeadlines,
    /// Of the buyer's request if missing.
    pub shipping_address: Option<Address>,
}

/// What a supplier would have other than the rule: each within its bounds.
#[derive(Clone, Debug, Default, Serialize)]
pub struct DraftDeadlines {
    pub confirmation_days: Option<i32>,
    pub payment_days: Option<i32>,
    pub bank_transfer_business_days: Option<i32>,
    pub overdue_days: Option<i32>,
    pub cancel_answer_hours: Option<i32>,
    pub dispute_answer_days: Option<i32>,
    pub dispute_escalation_from_days: Option<i32>,
    pub dispute_escalation_days: Option<i32>,
    pub dispute_alarm_days: Option<i32>,
    pub return_shipping_days: Option<i32>,
    pub return_silence_days: Option<i32>,
}

#[derive(Clone, Debug, Serialize)]
pub struct DraftLine {
    pub product_id: Option<ProductId>,
    pub description: String,
    pub quantity: i64,
    pub unit: String,
    /// Decimal, for `price_per_units` units.
    pub price: String,
    pub price_per_units: i32,
}

/// The terms' canonical form: JSON with sorted keys and without blanks.
pub fn canonical_terms(terms: &Terms) -> Result<String> {
    // serde_json's map keeps its keys sorted.
    let document = serde_json::to_value(terms).map_err(|error| Error::internal(error.to_string()))?;
    Ok(document.to_string())
}

/// SHA-256 of the canonical form, in hex.
pub fn contract_hash(terms: &Terms) -> Result<String> {
    Ok(hex::encode(Sha256::digest(canonical_terms(terms)?.as_bytes())))
}

pub(super) fn check_address(checks: &mut Checks, address: &Address) -> Address {
    Address {
        name: checks.text("name", &address.name, 200),
        line1: checks.text("line1", &address.line1, 200),
        line2: checks.optional_text("line2", address.line2.as_deref(), 200),
        city: checks.text("city", &address.city, 100),
        region: checks.optional_text("region", address.region.as_deref(), 100),
        postal_code: checks.text("postalCode", &address.postal_code, 20),
        country: checks.country("country", &address.country),
        phone: checks.optional_text("phone", address.phone.as_deref(), 40),
    }
}

/// Buy Now: the listing's price and lead time are the terms.
pub(super) fn of_listing(
    offer: &Offer,
    currency: Currency,
    quantity: i64,
    address: Address,
    incoterm: Option<String>,
    deadlines: Deadlines,
) -> Result<Terms> {
    let product = &offer.product;
    let price = offer.price_for(currency, quantity).ok_or_else(|| below_minimum(offer, currency, quantity))?;
    let total = line_total(price.price, quantity, product.price_per_units)
        .filter(|total| total.0 <= MOST_TOTAL)
        .ok_or_else(too_large)?;
    if !total.is_positive() {
        let message = "the price of this quantity is less than the smallest coin; order more";
        return Err(Error::refused(ErrorCode::InvalidAmount, message).at("quantity"));
    }
    let line = Line {
        product_id: Some(product.id),
        description: product.name.clone(),
        quantity,
        unit: product.unit.clone(),
        price: price.price,
        price_per_units: product.price_per_units,
        total,
    };
    Ok(Terms {
        currency,
        lines: vec![line],
        shipping_fee: MinorUnits::ZERO,
        total,
        incoterm: incoterm.or_else(|| product.incoterm.clone()),
        ship_within_days: product.lead_time_days.max(1),
        transit_days: DEFAULT_TRANSIT_DAYS,
        inspection_days: DEFAULT_INSPECTION_DAYS,
        deadlines,
        shipping_address: address,
        fee_basis_points: offer.supplier.fee_basis_points,
    })
}

fn below_minimum(offer: &Offer, currency: Currency, quantity: i64) -> Error {
    let minimum = offer.product.minimum_order_quantity;
    let tiers = offer.tiers_in_words(currency);
    let message = format!("{quantity} is below the minimum order quantity of {minimum}; prices: {tiers}");
    Error::refused(ErrorCode::BelowMinimumQuantity, message).at("quantity")
}

/// What a supplier typed, checked. Without a currency amounts could not be.
pub(super) struct CheckedDraft {
    lines: Vec<Line>,
    shipping_fee: MinorUnits,
    incoterm: Option<String>,
    ship_within_days: i32,
    transit_days: i32,
    inspection_days: i32,
    deadlines: Deadlines,
    shipping_address: Option<Address>,
}

/// Everything that the supplier typed. `currency` is None where what the draft is for could not be found.
pub(super) fn check_draft(
    checks: &mut Checks,
    draft: &DraftTerms,
    currency: Option<Currency>,
    rule: &Deadlines,
) -> CheckedDraft {
    if !(1..=100).contains(&draft.lines.len()) {
        checks.problem(
            "lines",
            ErrorCode::InvalidInput,
            format!("has {} lines; it must have 1 to 100", draft.lines.len()),
        );
    }
    let lines = checks.under("lines", |checks| {
        let line = |(index, line): (usize, &DraftLine)| {
            checks.under(&index.to_string(), |checks| check_line(checks, line, currency))
        };
        draft.lines.iter().take(100).enumerate().map(line).collect::<Vec<Line>>()
    });
    let shipping_fee = checks.amount_in("shippingFee", &draft.shipping_fee, currency, 0);
    let incoterm = draft.incoterm.as_deref().map(|rule| checks.incoterm("incoterm", rule));
    let ship_within_days = checks.within("shipWithinDays", draft.ship_within_days, 1..=365);
    let transit_days = checks.within("transitDays", draft.transit_days.unwrap_or(DEFAULT_TRANSIT_DAYS), 1..=90);
    let inspection_days =
        checks.within("inspectionDays", draft.inspection_days.unwrap_or(DEFAULT_INSPECTION_DAYS), 1..=30);
    let deadlines = checks.under("deadlines", |checks| check_deadlines(checks, &draft.deadlines, rule));
    let address = draft.shipping_address.as_ref();
    let shipping_address =
        address.map(|address| checks.under("shippingAddress", |checks| check_address(checks, address)));
    CheckedDraft {
        lines,
        shipping_fee,
        incoterm,
        ship_within_days,
        transit_days,
        inspection_days,
        deadlines,
        shipping_address,
    }
}

/// The terms of a supplier's draft.
pub(super) fn of_draft(
    draft: &DraftTerms,
    currency: Currency,
    requested: Option<&Address>,
    fee_basis_points: i32,
    rule: &Deadlines,
) -> Result<Terms> {
    let mut checks = Checks::input();
    let checked = check_draft(&mut checks, draft, Some(currency), rule);
    let shipping_address = checked.shipping_address.or_else(|| requested.cloned());
    if shipping_address.is_none() {
        checks.problem("shippingAddress", ErrorCode::InvalidInput, "is required: the buyer has given none yet");
    }
    let shipping_address = checks.finish_with(shipping_address)?;
    let (lines, shipping_fee) = (checked.lines, checked.shipping_fee);
    let total = lines
        .iter()
        .map(|line| line.total)
        .chain([shipping_fee])
        .try_fold(MinorUnits::ZERO, MinorUnits::checked_add)
        .filter(|total| total.0 <= MOST_TOTAL)
        .ok_or_else(too_large)?;
    if !total.is_positive() {
        return Err(vec![
            Problem::new(ErrorCode::InvalidAmount, "the contract's total must be more than zero").at("lines"),
        ]
        .into());
    }
    Ok(Terms {
        currency,
        lines,
        shipping_fee,
        total,
        incoterm: checked.incoterm,
        ship_within_days: checked.ship_within_days,
        transit_days: checked.transit_days,
        inspection_days: checked.inspection_days,
        deadlines: checked.deadlines,
        shipping_address,
        fee_basis_points,
    })
}

fn check_deadlines(checks: &mut Checks, draft: &DraftDeadlines, rule: &Deadlines) -> Deadlines {
    let mut within = |field, given: Option<i32>, rule: i32, bounds| match given {
        Some(given) => checks.within(field, given, bounds),
        None => rule,
    };
    let deadlines = Deadlines {
        confirmation_days: within("confirmationDays", draft.confirmation_days, rule.confirmation_days, 1..=30),
        payment_days: within("paymentDays", draft.payment_days, rule.payment_days, 1..=60),
        bank_transfer_business_days: within(
            "bankTransferBusinessDays",
            draft.bank_transfer_business_days,
            rule.bank_transfer_business_days,
            0..=20,
        ),
        overdue_days: within("overdueDays", draft.overdue_days, rule.overdue_days, 1..=90),
        cancel_answer_hours: within("cancelAnswerHours", draft.cancel_answer_hours, rule.cancel_answer_hours, 24..=168),
        dispute_answer_days: within("disputeAnswerDays", draft.dispute_answer_days, rule.dispute_answer_days, 2..=14),
        dispute_escalation_from_days: within(
            "disputeEscalationFromDays",
            draft.dispute_escalation_from_days,
            rule.dispute_escalation_from_days,
            1..=14,
        ),
        dispute_escalation_days: within(
            "disputeEscalationDays",
            draft.dispute_escalation_days,
            rule.dispute_escalation_days,
            3..=30,
        ),
        dispute_alarm_days: within("disputeAlarmDays", draft.dispute_alarm_days, rule.dispute_alarm_days, 30..=180),
        return_shipping_days: within(
            "returnShippingDays",
            draft.return_shipping_days,
            rule.return_shipping_days,
            3..=30,
        ),
        return_silence_days: within("returnSilenceDays", draft.return_silence_days, rule.return_silence_days, 3..=30),
    };
    if deadlines.dispute_answer_days >= deadlines.dispute_escalation_days {
        let message = "must be less than disputeEscalationDays, or a supplier's silence would have no consequence";
        checks.problem("disputeAnswerDays", ErrorCode::InvalidInput, message);
    }
    if deadlines.dispute_escalation_from_days > deadlines.dispute_escalation_days {
        let message = "must not be more than disputeEscalationDays, when it escalates by itself";
        checks.problem("disputeEscalationFromDays", ErrorCode::InvalidInput, message);
    }
    deadlines
}

fn check_line(checks: &mut Checks, line: &DraftLine, currency: Option<Currency>) -> Line {
    let quantity = checks.within("quantity", line.quantity, 1..=MOST_QUANTITY);
    let price = checks.amount_in("unitPrice", &line.price, currency, 0);
    let price_per_units = checks.within("pricePerUnits", line.price_per_units, 1..=1_000_000);
    let total = line_total(price, quantity, price_per_units).unwrap_or_else(|| {
        checks.problem("unitPrice", ErrorCode::InvalidAmount, "is too large for this quantity");
        MinorUnits::ZERO
    });
    Line {
        product_id: line.product_id,
        description: checks.text("description", &line.description, 500),
        quantity,
        unit: checks.text("unit", &line.unit, 30),
        price,
        price_per_units,
        total,
    }
}

fn too_large() -> Error {
    Error::refused(ErrorCode::InvalidAmount, "the total is too large for one order").at("quantity")
}
