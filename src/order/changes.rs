//! What changed between two versions of a contract: a pure function of their terms.
//!
//! Promises: equal terms have no changes, and terms that differ have at least one. A path is stable, for programs; label,
//! before and after are for people. Amounts are exact, with their currency.

use entity::contract::{Address, Deadlines, Line, Terms};
use entity::{Currency, Money};

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// As the API names it: `lines[0].unitPrice`. The number is the line's place in the later version; of a line that is gone,
    /// its place in the earlier one.
    pub path: String,
    /// "unit price of line 1".
    pub label: String,
    /// None: it is new.
    pub before: Option<String>,
    /// None: it is gone.
    pub after: Option<String>,
}

/// From `before` to `after`: the lines first, then what is about the whole.
#[must_use]
pub fn changes(before: &Terms, after: &Terms) -> Vec<Change> {
    let mut found = Found::default();
    compare_lines(&mut found, before, after);
    found.value("currency", "currency", before.currency, after.currency);
    let (earlier, later) = (before.currency, after.currency);
    let (fee_before, fee_after) = (Money::new(before.shipping_fee, earlier), Money::new(after.shipping_fee, later));
    found.value("shippingFee", "shipping fee", fee_before, fee_after);
    found.value("total", "total", Money::new(before.total, earlier), Money::new(after.total, later));
    found.text("incoterm", "Incoterms rule", before.incoterm.as_deref(), after.incoterm.as_deref());
    found.value("shipWithinDays", "days to ship", before.ship_within_days, after.ship_within_days);
    found.value("transitDays", "days of transit", before.transit_days, after.transit_days);
    found.value("inspectionDays", "days to inspect", before.inspection_days, after.inspection_days);
    compare_deadlines(&mut found, &before.deadlines, &after.deadlines);
    compare_addresses(&mut found, &before.shipping_address, &after.shipping_address);
    found.value("feeBasisPoints", "operator's fee in basis points", before.fee_basis_points, after.fee_basis_points);
    found.0
}

#[derive(Default)]
struct Found(Vec<Change>);

impl Found {
    fn push(&mut self, path: &str, label: &str, before: Option<String>, after: Option<String>) {
        self.0.push(Change { path: path.to_owned(), label: label.to_owned(), before, after });
    }

    fn value<T: PartialEq + ToString>(&mut self, path: &str, label: &str, before: T, after: T) {
        if before != after {
            self.push(path, label, Some(before.to_string()), Some(after.to_string()));
        }
    }

    fn text(&mut self, path: &str, label: &str, before: Option<&str>, after: Option<&str>) {
        if before != after {
            self.push(path, label, before.map(ToOwned::to_owned), after.map(ToOwned::to_owned));
        }
    }
}

/// A line, and its place.
type Placed<'a> = (usize, &'a Line);

fn compare_lines(found: &mut Found, before: &Terms, after: &Terms) {
    let pairs = pair(&before.lines, &after.lines);
    for (place, line) in after.lines.iter().enumerate() {
        match pairs.iter().find(|(_, (later, _))| *later == place) {
            Some(((_, earlier), _)) => {
                let before = Priced { line: earlier, currency: before.currency };
                compare_line(found, place, before, Priced { line, currency: after.currency });
            }
            None => found.push(&at(place), &format!("line {}", place + 1), None, Some(in_words(line, after.currency))),
        }
    }
    for (place, line) in before.lines.iter().enumerate() {
        if !pairs.iter().any(|((earlier, _), _)| *earlier == place) {
            let label = format!("line {} of the version before", place + 1);
            found.push(&at(place), &label, Some(in_words(line, before.currency)), None);
        }
    }
    // In the order of the later version; a line that moved over another one shows as a place that goes back.
    let mut places: Vec<(usize, usize)> = pairs.iter().map(|((earlier, _), (later, _))| (*later, *earlier)).collect();
    places.sort_unstable();
    if !places.is_sorted_by_key(|(_, earlier)| *earlier) {
        let earlier: Vec<String> = places.iter().map(|(_, earlier)| (earlier + 1).to_string()).collect();
        let mut sorted: Vec<usize> = places.iter().map(|(_, earlier)| earlier + 1).collect();
        sorted.sort_unstable();
        let sorted: Vec<String> = sorted.iter().map(ToString::to_string).collect();
        found.push("lines", "order of the lines", Some(sorted.join(", ")), Some(earlier.join(", ")));
    }
}

fn at(place: usize) -> String {
    format!("lines[{place}]")
}

/// Which line of the one version is which of the other: first those that are equal, then those of the same listing, then those
/// with the same description, then those at the same place, of things that are no listings.
fn pair<'a>(before: &'a [Line], after: &'a [Line]) -> Vec<(Placed<'a>, Placed<'a>)> {
    let rules: [fn(Placed<'_>, Placed<'_>) -> bool; 4] = [
        |(_, earlier), (_, later)| earlier == later,
        |(_, earlier), (_, later)| earlier.product_id.is_some() && earlier.product_id == later.product_id,
        |(_, earlier), (_, later)| {
            earlier.product_id.is_none() && later.product_id.is_none() && earlier.description == later.description
        },
        |(place, earlier), (here, later)| place == here && earlier.product_id.is_none() && later.product_id.is_none(),
    ];
    let mut earlier: Vec<Placed<'a>> = before.iter().enumerate().collect();
    let mut later: Vec<Placed<'a>> = after.iter().enumerate().collect();
    let mut pairs = Vec::new();
    for same in rules {
        earlier.retain(|one| match later.iter().position(|other| same(*one, *other)) {
            Some(index) => {
                pairs.push((*one, later.remove(index)));
                false
            }
            None => true,
        });
    }
    pairs
}

/// A line, and the currency of its amounts.
#[derive(Clone, Copy)]
struct Priced<'a> {
    line: &'a Line,
    currency: Currency,
}

fn compare_line(found: &mut Found, place: usize, before: Priced<'_>, after: Priced<'_>) {
    let path = |field: &str| format!("lines[{place}].{field}");
    let label = |field: &str| format!("{field} of line {}", place + 1);
    let product = |line: &Line| line.product_id.map(|id| id.to_string());
    found.text(&path("productId"), &label("listing"), product(before.line).as_deref(), product(after.line).as_deref());
    found.text(
        &path("description"),
        &label("description"),
        Some(before.line.description.as_str()),
        Some(after.line.description.as_str()),
    );
    found.value(&path("quantity"), &label("quantity"), before.line.quantity, after.line.quantity);
    found.value(&path("unit"), &label("unit"), before.line.unit.as_str(), after.line.unit.as_str());
    found.value(
        &path("unitPrice"),
        &label("unit price"),
        Money::new(before.line.price, before.currency),
        Money::new(after.line.price, after.currency),
    );
    found.value(
        &path("pricePerUnits"),
        &label("number of units that the price is for"),
        before.line.price_per_units,
        after.line.price_per_units,
    );
    found.value(
        &path("total"),
        &label("total"),
        Money::new(before.line.total, before.currency),
        Money::new(after.line.total, after.currency),
    );
}

/// "30 reel of LED strip at 5.75 USD: 172.50 USD".
fn in_words(line: &Line, currency: Currency) -> String {
    let money = |amount| Money::new(amount, currency);
    let per = if line.price_per_units == 1 { String::new() } else { format!(" for {}", line.price_per_units) };
    format!(
        "{} {} of {} at {}{per}: {}",
        line.quantity,
        line.unit,
        line.description,
        money(line.price),
        money(line.total)
    )
}

fn compare_deadlines(found: &mut Found, before: &Deadlines, after: &Deadlines) {
    let mut days = |field: &str, label: &str, before: i32, after: i32| {
        found.value(&format!("deadlines.{field}"), label, before, after);
    };
    days("confirmationDays", "days to confirm", before.confirmation_days, after.confirmation_days);
    days("paymentDays", "days to pay", before.payment_days, after.payment_days);
    days(
        "bankTransferBusinessDays",
        "business days more for a bank transfer",
        before.bank_transfer_business_days,
        after.bank_transfer_business_days,
    );
    days("overdueDays", "days until an unshipped order is refunded", before.overdue_days, after.overdue_days);
    days(
        "cancelAnswerHours",
        "hours to answer a cancel request",
        before.cancel_answer_hours,
        after.cancel_answer_hours,
    );
    days("disputeAnswerDays", "days to answer a dispute", before.dispute_answer_days, after.dispute_answer_days);
    days(
        "disputeEscalationFromDays",
        "days until a dispute may be escalated",
        before.dispute_escalation_from_days,
        after.dispute_escalation_from_days,
    );
    days(
        "disputeEscalationDays",
        "days until a dispute is escalated",
        before.dispute_escalation_days,
        after.dispute_escalation_days,
    );
    days("disputeAlarmDays", "days to rule on a dispute", before.dispute_alarm_days, after.dispute_alarm_days);
    days("returnShippingDays", "days to send goods back", before.return_shipping_days, after.return_shipping_days);
    days("returnSilenceDays", "days to contest a return", before.return_silence_days, after.return_silence_days);
}

fn compare_addresses(found: &mut Found, before: &Address, after: &Address) {
    let mut line = |field: &str, label: &str, before: Option<&str>, after: Option<&str>| {
        found.text(&format!("shippingAddress.{field}"), &format!("{label} of the shipping address"), before, after);
    };
    line("name", "name", Some(&before.name), Some(&after.name));
    line("line1", "first line", Some(&before.line1), Some(&after.line1));
    line("line2", "second line", before.line2.as_deref(), after.line2.as_deref());
    line("city", "city", Some(&before.city), Some(&after.city));
    line("region", "region", before.region.as_deref(), after.region.as_deref());
    line("postalCode", "postal code", Some(&before.postal_code), Some(&after.postal_code));
    line("country", "country", Some(&before.country), Some(&after.country));
    line("phone", "phone", before.phone.as_deref(), after.phone.as_deref());
}

#[cfg(test)]
mod tests;
