//! Versions of a contract beside each other.

use entity::MinorUnits;
use entity::ProductId;
use serde_json::Value;
use uuid::Uuid;

use super::*;

fn line(product: Option<u128>, description: &str, quantity: i64, price: i64) -> Line {
    Line {
        product_id: product.map(|id| ProductId(Uuid::from_u128(id))),
        description: description.to_owned(),
        quantity,
        unit: "reel".to_owned(),
        price: MinorUnits(price),
        price_per_units: 1,
        total: MinorUnits(quantity * price),
    }
}

fn terms(lines: Vec<Line>) -> Terms {
    let total = MinorUnits(lines.iter().map(|line| line.total.0).sum::<i64>() + 1_250);
    Terms {
        currency: Currency::USD,
        lines,
        shipping_fee: MinorUnits(1_250),
        total,
        incoterm: Some("FOB".to_owned()),
        ship_within_days: 10,
        transit_days: 30,
        inspection_days: 14,
        deadlines: Deadlines::default(),
        shipping_address: Address {
            name: "Loja Azul".to_owned(),
            line1: "Rua das Flores 10".to_owned(),
            line2: None,
            city: "Recife".to_owned(),
            region: None,
            postal_code: "50010-000".to_owned(),
            country: "BR".to_owned(),
            phone: None,
        },
        fee_basis_points: 250,
    }
}

/// Path, before, after.
fn rows_of(before: &Terms, after: &Terms) -> Vec<(String, Option<String>, Option<String>)> {
    changes(before, after).into_iter().map(|change| (change.path, change.before, change.after)).collect()
}

fn row(path: &str, before: &str, after: &str) -> (String, Option<String>, Option<String>) {
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    (path.to_owned(), some(before), some(after))
}

#[test]
fn the_same_terms_have_no_changes() {
    let terms = terms(vec![line(Some(1), "Strip", 30, 600), line(None, "Clips", 5, 10)]);
    assert_eq!(changes(&terms, &terms.clone()), []);
}

#[test]
fn a_price_is_listed_with_what_follows_from_it() {
    let before = terms(vec![line(Some(1), "Strip", 3000, 600)]);
    let after = terms(vec![line(Some(1), "Strip", 3000, 575)]);
    assert_eq!(
        rows_of(&before, &after),
        [
            row("lines[0].unitPrice", "6.00 USD", "5.75 USD"),
            row("lines[0].total", "18,000.00 USD", "17,250.00 USD"),
            row("total", "18,012.50 USD", "17,262.50 USD"),
        ]
    );
    assert_eq!(changes(&before, &after)[0].label, "unit price of line 1");
}

#[test]
fn a_line_is_found_again_wherever_it_stands() {
    let (strip, clips) = (line(Some(1), "Strip", 30, 600), line(None, "Clips", 5, 10));
    let before = terms(vec![strip.clone(), clips.clone()]);
    let more_clips = line(None, "Clips", 6, 10);
    let box_of = line(None, "Sample box", 1, 0);
    let after = terms(vec![box_of, strip.clone(), more_clips]);
    assert_eq!(
        rows_of(&before, &after),
        [
            row("lines[0]", "", "1 reel of Sample box at 0.00 USD: 0.00 USD"),
            row("lines[2].quantity", "5", "6"),
            row("lines[2].total", "0.50 USD", "0.60 USD"),
            row("total", "193.00 USD", "193.10 USD"),
        ]
    );
    let gone = terms(vec![clips.clone()]);
    assert_eq!(
        rows_of(&before, &gone),
        [row("lines[0]", "30 reel of Strip at 6.00 USD: 180.00 USD", ""), row("total", "193.00 USD", "13.00 USD")]
    );
    // Only their order is another: the hash is too.
    assert_eq!(rows_of(&before, &terms(vec![clips, strip])), [row("lines", "1, 2", "2, 1")]);
}

#[test]
fn another_wording_at_the_same_place_is_the_same_line_but_another_listing_is_not() {
    let before = terms(vec![line(None, "Strip", 30, 600)]);
    let after = terms(vec![line(None, "Strip, 4 m", 30, 600)]);
    assert_eq!(rows_of(&before, &after), [row("lines[0].description", "Strip", "Strip, 4 m")]);
    let (before, after) = (terms(vec![line(Some(1), "A", 30, 600)]), terms(vec![line(Some(2), "B", 30, 600)]));
    let paths: Vec<_> = rows_of(&before, &after).into_iter().map(|(path, ..)| path).collect();
    assert_eq!(paths, ["lines[0]", "lines[0]"], "one is new, one is gone; the total is the same");
}

#[test]
fn of_two_lines_of_one_listing_the_equal_ones_belong_together() {
    let before = terms(vec![line(Some(1), "Red", 10, 100), line(Some(1), "Blue", 10, 100)]);
    let after = terms(vec![line(Some(1), "Blue", 10, 100), line(Some(1), "Red", 20, 100)]);
    let paths: Vec<_> = rows_of(&before, &after).into_iter().map(|(path, ..)| path).collect();
    assert_eq!(paths, ["lines[1].quantity", "lines[1].total", "lines", "total"]);
}

/// Whatever field is added to the terms has to be listed here too.
#[test]
fn whatever_differs_is_listed() {
    let before = terms(vec![line(Some(1), "Strip", 30, 600)]);
    let document = serde_json::to_value(&before).expect("JSON");
    let mut leaves = Vec::new();
    collect(&document, &mut String::new(), &mut leaves);
    assert!(leaves.len() > 30, "{leaves:?}");
    for pointer in leaves {
        let mut changed = document.clone();
        let leaf = changed.pointer_mut(&pointer).expect("is there");
        *leaf = match &*leaf {
            Value::Number(number) => serde_json::json!(number.as_i64().expect("whole") + 1),
            Value::String(text) if pointer == "/currency" => {
                assert_eq!(text, "USD");
                serde_json::json!("EUR")
            }
            Value::String(_) if pointer.ends_with("product_id") => {
                serde_json::json!(ProductId(Uuid::from_u128(9)))
            }
            Value::String(text) => serde_json::json!(format!("{text}!")),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => serde_json::json!("something"),
        };
        let after: Terms = serde_json::from_value(changed).expect("terms");
        assert!(!changes(&before, &after).is_empty(), "{pointer}");
        assert!(!changes(&after, &before).is_empty(), "{pointer}");
    }
}

fn collect(value: &Value, path: &mut String, leaves: &mut Vec<String>) {
    let length = path.len();
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                path.push_str(&format!("/{name}"));
                collect(field, path, leaves);
                path.truncate(length);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push_str(&format!("/{index}"));
                collect(item, path, leaves);
                path.truncate(length);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => leaves.push(path.clone()),
    }
}
