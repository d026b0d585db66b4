//! Finding and listing products, as a storefront and a supplier do it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ground::setting::Mode;
use sea_orm::ConnectionTrait;
use secure_payment::auth::Viewer;
use secure_payment::graphql;
use secure_payment::party::demo;
use secure_payment::seed;
use serde_json::{Value, json};

use crate::support::{TestApp, on_each_database};

on_each_database!(
    words_in_any_order_find_a_product,
    a_search_is_words_and_nothing_else,
    filters_narrow_and_say_what_they_do_not_know,
    every_sort_pages_through_all_products_once,
    a_cursor_fits_only_its_own_list,
    a_category_is_found_in_any_case,
    every_problem_of_a_listing_is_named_with_its_path,
    a_listing_is_found_at_once_and_changed_by_its_supplier_only,
    a_withdrawn_product_is_seen_by_its_supplier_only,
    of_two_products_with_one_sku_at_once_one_is_listed,
    the_highest_price_is_exact,
    suppliers_are_found_and_show_their_products,
    no_list_costs_a_statement_per_row,
    lists_within_lists_have_an_end,
    two_nodes_seed_once,
);

const PRODUCTS: &str =
    "query($search: String, $filter: ProductFilter, $sort: ProductSort, $first: Int, $after: String) {
    products(search: $search, filter: $filter, sort: $sort, first: $first, after: $after) {
        nodes { id sku name category available minimumOrderQuantity supplier { id }
                priceTiers(currency: \"USD\") { minimumQuantity unitPrice { amount } } }
        pageInfo { endCursor hasNextPage }
    }
}";

async fn names(app: &TestApp, search: &str) -> Vec<String> {
    let data = app.data(None, PRODUCTS, json!({ "search": search, "first": 100 })).await;
    texts(&data["products"]["nodes"], "name")
}

fn texts(nodes: &Value, field: &str) -> Vec<String> {
    nodes.as_array().expect("nodes").iter().map(|node| node[field].as_str().expect("a text").to_owned()).collect()
}

fn paths(errors: &Value) -> Vec<String> {
    let path = |error: &Value| {
        error["path"].as_array().expect("a path").iter().filter_map(Value::as_str).collect::<Vec<_>>().join(".")
    };
    errors.as_array().expect("errors").iter().map(path).collect()
}

async fn words_in_any_order_find_a_product(app: &TestApp) {
    let strip = "LED Strip Light 12V, 2835, 60 LEDs/m, 5m Reel, IP65 Waterproof".to_owned();
    for search in [
        "led strip 5m waterproof",
        "WATERPROOF 5M strip led",
        "water str le",
        "LW-2835-60-IP65-5M",
        "shenzhen lumenway 2835",
        "ip-65 strip 5 m",
        "  led   strip,  5m! ",
    ] {
        assert!(names(app, search).await.contains(&strip), "{search}");
    }
    assert!(!names(app, "led strip cotton").await.contains(&strip));
    assert_eq!(names(app, "acai").await, names(app, "AÇAÍ").await);
    assert_eq!(names(app, "acai").await.len(), 1);
    assert!(names(app, "aterproof").await.is_empty(), "a word is found by its beginning only");
    assert_eq!(names(app, "").await.len(), 100, "an empty search is none");
}

async fn a_search_is_words_and_nothing_else(app: &TestApp) {
    for search in
        ["%", "_", "'", "\"", "\\", "*", "🎉", "\0", "' or 1=1 --", "led' or '1'='1", "led\0strip", "%led", "l_d"]
    {
        let answer = app.graphql(None, PRODUCTS, json!({ "search": search })).await;
        assert!(answer.get("errors").is_none(), "{search:?}: {answer}");
    }
    for search in ["%", "_", "🎉", "\0", "l_d strip zzz", "le% zzz"] {
        assert!(names(app, search).await.is_empty(), "{search:?}");
    }
    for search in ["a b c d e f g h i".to_owned(), "x".repeat(201), "x".repeat(900_000)] {
        let answer = app.graphql(None, PRODUCTS, json!({ "search": search })).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "INVALID_INPUT");
        assert_eq!(answer["data"]["products"], Value::Null);
    }
}

async fn filters_narrow_and_say_what_they_do_not_know(app: &TestApp) {
    let find = async |filter: Value| {
        let data = app.data(None, PRODUCTS, json!({ "filter": filter, "first": 100 })).await;
        data["products"]["nodes"].as_array().expect("nodes").clone()
    };
    let first = find(json!({})).await[0].clone();
    let supplier = &first["supplier"]["id"];
    let of_supplier = find(json!({ "supplierId": supplier })).await;
    assert!(of_supplier.len() > 1 && of_supplier.iter().all(|node| node["supplier"]["id"] == *supplier));
    assert!(
        find(json!({ "moqAtMost": 20 })).await.iter().all(|node| node["minimumOrderQuantity"].as_i64() <= Some(20))
    );
    let available = find(json!({ "availableOnly": true })).await;
    assert!(available.iter().all(|node| node["available"].as_i64() >= node["minimumOrderQuantity"].as_i64()));
    let cheap = find(json!({ "priceFrom": "6.40", "priceTo": "6.40", "category": "LED Lighting" })).await;
    assert_eq!(cheap.len(), 1, "both ends are included: {cheap:?}");
    assert_eq!(cheap[0], first);
    // A price of 1.85 for 100 is less than 2 cents a piece.
    let parts_of_a_cent = find(json!({ "priceTo": "0.019" })).await;
    assert!(parts_of_a_cent.iter().any(|node| node["name"].as_str().is_some_and(|name| name.contains("Resistor"))));
    assert!(
        find(json!({ "currency": "BRL" })).await.len() < 100 || find(json!({ "currency": "KWD" })).await.is_empty()
    );
    assert!(find(json!({ "currency": "KWD" })).await.is_empty());
    assert!(find(json!({ "supplierId": "supplier_01kdvdna00fzz8000000000000" })).await.is_empty());
    for (filter, code) in [
        (json!({ "supplierId": "1" }), "INVALID_INPUT"),
        (json!({ "currency": "usd" }), "CURRENCY_NOT_AVAILABLE"),
        (json!({ "priceTo": "-1" }), "INVALID_AMOUNT"),
        (json!({ "priceTo": "1e3" }), "INVALID_AMOUNT"),
        (json!({ "category": "LED\u{0}" }), "INVALID_INPUT"),
    ] {
        let answer = app.graphql(None, PRODUCTS, json!({ "filter": filter })).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], code, "{filter}: {answer}");
    }
}

async fn every_sort_pages_through_all_products_once(app: &TestApp) {
    for (sort, first) in [("OLDEST", 100), ("NEWEST", 33), ("NAME", 64), ("PRICE_ASC", 17), ("PRICE_DESC", 50)] {
        let mut after = Value::Null;
        let mut nodes: Vec<Value> = Vec::new();
        loop {
            let data = app.data(None, PRODUCTS, json!({ "sort": sort, "first": first, "after": after })).await;
            let page = &data["products"];
            nodes.extend(page["nodes"].as_array().expect("nodes").iter().cloned());
            if page["pageInfo"]["hasNextPage"] == false {
                break;
            }
            after = page["pageInfo"]["endCursor"].clone();
        }
        let ids: Vec<&str> = nodes.iter().filter_map(|node| node["id"].as_str()).collect();
        assert_eq!(ids.len(), 320, "{sort}");
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 320, "{sort}");
        match sort {
            "OLDEST" => assert!(ids.is_sorted()),
            "NEWEST" => assert!(ids.iter().rev().is_sorted()),
            _by_key => {}
        }
    }
    // Within one category every product is priced per one: the order is that of the first tier.
    let cheapest_first = json!({ "sort": "PRICE_ASC", "first": 100, "filter": { "category": "Footwear" } });
    let data = app.data(None, PRODUCTS, cheapest_first).await;
    let prices: Vec<f64> = data["products"]["nodes"]
        .as_array()
        .expect("nodes")
        .iter()
        .map(|node| node["priceTiers"][0]["unitPrice"]["amount"].as_str().expect("text").parse().expect("a number"))
        .collect();
    assert!(prices.len() > 5 && prices.is_sorted(), "{prices:?}");
}

async fn a_cursor_fits_only_its_own_list(app: &TestApp) {
    let data = app.data(None, PRODUCTS, json!({ "sort": "NAME", "first": 1 })).await;
    let by_name = data["products"]["pageInfo"]["endCursor"].as_str().expect("a cursor").to_owned();
    for (sort, after) in [
        ("OLDEST", by_name.as_str()),
        ("PRICE_ASC", by_name.as_str()),
        ("NAME", "rubbish"),
        ("NAME", ""),
        // {"n":["\u0000","product_01kdvdna00e018000000000000"]}
        ("NAME", "eyJuIjpbIlx1MDAwMCIsInByb2R1Y3RfMDFrZHZkbmEwMGUwMTgwMDAwMDAwMDAwMDAiXX0"),
    ] {
        let answer = app.graphql(None, PRODUCTS, json!({ "sort": sort, "after": after })).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "INVALID_INPUT", "{sort} {after}: {answer}");
    }
    for first in [0, -1, 101] {
        let answer = app.graphql(None, PRODUCTS, json!({ "first": first })).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "INVALID_INPUT", "{first}");
    }
}

async fn a_category_is_found_in_any_case(app: &TestApp) {
    let data = app.data(None, "{ categories { name productCount } }", json!({})).await;
    let categories = data["categories"].as_array().expect("categories");
    assert_eq!(categories.len(), 20);
    assert!(texts(&data["categories"], "name").is_sorted());
    for category in categories {
        for name in [
            category["name"].as_str().expect("a name").to_uppercase(),
            format!(" {} ", category["name"].as_str().expect("a name")),
        ] {
            let data = app.data(None, PRODUCTS, json!({ "filter": { "category": name }, "first": 100 })).await;
            let found = data["products"]["nodes"].as_array().expect("nodes").len();
            assert_eq!(Some(found), category["productCount"].as_u64().and_then(|count| usize::try_from(count).ok()));
        }
    }
    let data = app.data(None, PRODUCTS, json!({ "filter": { "category": "LED" } })).await;
    assert_eq!(data["products"]["nodes"], json!([]), "a part of a category is none");
}

const CREATE: &str = "mutation($input: CreateProductInput!) { createProduct(input: $input) {
    product { id sku name version active available incoterm originCountry
              priceTiers { minimumQuantity unitPrice { amount currency minorUnits } } }
    errors { code path message } } }";
const UPDATE: &str = "mutation($input: UpdateProductInput!) { updateProduct(input: $input) {
    product { id sku name version active available minimumOrderQuantity incoterm originCountry
              priceTiers { minimumQuantity unitPrice { amount currency } } }
    errors { code path message } } }";

fn listing(sku: &str) -> Value {
    json!({
        "sku": sku, "name": "Solar Lantern Quetzal", "description": "Folds flat.", "category": "Lanterns", "unit": "piece",
        "minimumOrderQuantity": 10, "leadTimeDays": 7, "stock": 500, "incoterm": "FOB", "originCountry": "CN",
        "priceTiers": [
            { "minimumQuantity": 10, "unitPrice": { "amount": "12.50", "currency": "USD" } },
            { "minimumQuantity": 100, "unitPrice": { "amount": "11", "currency": "USD" } },
            { "minimumQuantity": 10, "unitPrice": { "amount": "1890", "currency": "JPY" } },
        ],
    })
}

/// The other way to write a listing: with some fields changed.
fn with(mut listing: Value, changes: Value) -> Value {
    for (field, value) in changes.as_object().expect("fields") {
        listing[field] = value.clone();
    }
    listing
}

async fn create(app: &TestApp, token: &str, input: Value) -> Value {
    app.data(token, CREATE, json!({ "input": input })).await["createProduct"].take()
}

async fn update(app: &TestApp, token: &str, input: Value) -> Value {
    app.data(token, UPDATE, json!({ "input": input })).await["updateProduct"].take()
}

async fn every_problem_of_a_listing_is_named_with_its_path(app: &TestApp) {
    let tier = |quantity: i64, amount: &str, currency: &str| json!({ "minimumQuantity": quantity, "unitPrice": { "amount": amount, "currency": currency } });
    let wrong = json!({
        "sku": "  ", "name": "x".repeat(201), "description": "nul\0byte", "category": "two\nlines", "unit": "",
        "pricePerUnits": 0, "minimumOrderQuantity": 0, "leadTimeDays": 366, "stock": -1, "incoterm": "XXX",
        "originCountry": "ZZ", "priceTiers": [tier(0, "19.999", "USD"), tier(1, "1", "usd"), tier(1, "0", "JPY")],
    });
    let answer = create(app, demo::SUPPLIER, wrong).await;
    assert_eq!(answer["product"], Value::Null);
    let found: BTreeSet<String> = paths(&answer["errors"]).into_iter().collect();
    for path in [
        "sku",
        "name",
        "description",
        "category",
        "unit",
        "pricePerUnits",
        "minimumOrderQuantity",
        "leadTimeDays",
        "stock",
        "incoterm",
        "originCountry",
        "priceTiers.0.minimumQuantity",
        "priceTiers.0.unitPrice.amount",
        "priceTiers.1.unitPrice.currency",
        "priceTiers.2.unitPrice.amount",
    ] {
        assert!(found.contains(&format!("input.{path}")), "{path}: {found:?}");
    }
    for (tiers, path, code) in [
        (json!([]), "priceTiers", "INVALID_INPUT"),
        (json!([tier(11, "1", "USD")]), "priceTiers.0.minimumQuantity", "INVALID_INPUT"),
        (json!([tier(10, "1", "USD"), tier(10, "1", "USD")]), "priceTiers.1.minimumQuantity", "INVALID_INPUT"),
        (json!([tier(10, "1", "USD"), tier(20, "1.01", "USD")]), "priceTiers.1.unitPrice.amount", "INVALID_AMOUNT"),
        (json!([tier(10, "0.5", "JPY")]), "priceTiers.0.unitPrice.amount", "INVALID_AMOUNT"),
        (json!([tier(10, "-1", "USD")]), "priceTiers.0.unitPrice.amount", "INVALID_AMOUNT"),
        (json!([tier(10, "1000000000000000.01", "USD")]), "priceTiers.0.unitPrice.amount", "INVALID_AMOUNT"),
        (json!([tier(10, "1", "XAU")]), "priceTiers.0.unitPrice.currency", "CURRENCY_NOT_AVAILABLE"),
        (json!((0..11).map(|n| tier(10 + n, "1", "USD")).collect::<Vec<_>>()), "priceTiers", "INVALID_INPUT"),
        (json!((0..101).map(|n| tier(10 + n, "1", "USD")).collect::<Vec<_>>()), "priceTiers", "INVALID_INPUT"),
    ] {
        let answer = create(app, demo::SUPPLIER, with(listing("T-1"), json!({ "priceTiers": tiers }))).await;
        assert_eq!(paths(&answer["errors"]), [format!("input.{path}")], "{answer}");
        assert_eq!(answer["errors"][0]["code"], code, "{answer}");
    }
    let long = create(app, demo::SUPPLIER, with(listing("T-2"), json!({ "description": "x".repeat(900_000) }))).await;
    assert_eq!(paths(&long["errors"]), ["input.description"]);
    for token in [demo::BUYER, demo::STOREFRONT, demo::OPERATOR] {
        assert_eq!(create(app, token, listing("T-3")).await["errors"][0]["code"], "NOT_PERMITTED");
    }
    let nobody = app.graphql(None, CREATE, json!({ "input": listing("T-4") })).await;
    assert_eq!(nobody["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    assert!(names(app, "quetzal").await.is_empty());
}

/// A supplier besides the demo supplier, and its token.
async fn another_supplier(app: &TestApp) -> (String, String) {
    let made = app
        .data(
            demo::OPERATOR,
            "mutation { createSupplier(input: { name: \"Quito Textiles\", country: \"EC\", city: \"Quito\" }) { supplier { id } } }",
            json!({}),
        )
        .await;
    let id = made["createSupplier"]["supplier"]["id"].as_str().expect("an id").to_owned();
    let made = app
        .data(
            demo::OPERATOR,
            "mutation($id: ID!) { createCredential(input: { role: SUPPLIER, subjectId: $id, label: \"test\" }) { token } }",
            json!({ "id": id }),
        )
        .await;
    (id, made["createCredential"]["token"].as_str().expect("a token").to_owned())
}

async fn a_listing_is_found_at_once_and_changed_by_its_supplier_only(app: &TestApp) {
    let created = create(app, demo::SUPPLIER, listing("Q-1")).await;
    assert_eq!(created["errors"], json!([]));
    let product = &created["product"];
    assert_eq!((&product["version"], &product["available"]), (&json!(1), &json!(500)));
    assert_eq!(
        product["priceTiers"][0],
        json!({ "minimumQuantity": 10, "unitPrice": { "amount": "1890", "currency": "JPY", "minorUnits": "1890" } })
    );
    assert_eq!(names(app, "quetzal lantern").await, ["Solar Lantern Quetzal"]);
    assert_eq!(names(app, "lumenway q-1 lanterns").await, ["Solar Lantern Quetzal"]);

    let id = &product["id"];
    let (_id, other) = another_supplier(app).await;
    let answer = update(app, &other, json!({ "productId": id, "stock": 1 })).await;
    assert_eq!(answer["errors"][0]["code"], "NOT_FOUND");
    assert_eq!(paths(&answer["errors"]), ["input.productId"]);

    let answer = update(
        app,
        demo::SUPPLIER,
        json!({ "productId": id, "expectedVersion": 1, "name": "Solar Lantern Ñandú", "stock": 40 }),
    )
    .await;
    assert_eq!(answer["errors"], json!([]), "{answer}");
    assert_eq!((&answer["product"]["version"], &answer["product"]["available"]), (&json!(2), &json!(40)));
    assert_eq!(answer["product"]["priceTiers"].as_array().map(Vec::len), Some(3), "prices stay as they are");
    assert_eq!(names(app, "nandu").await, ["Solar Lantern Ñandú"]);
    assert!(names(app, "quetzal").await.is_empty(), "the old words are gone");

    let stale = update(app, demo::SUPPLIER, json!({ "productId": id, "expectedVersion": 1, "stock": 1 })).await;
    assert_eq!(stale["errors"][0]["code"], "STALE_VERSION");
    let answer = update(app, demo::SUPPLIER, json!({ "productId": id, "minimumOrderQuantity": 20 })).await;
    assert_eq!(paths(&answer["errors"]), ["input.priceTiers.0.minimumQuantity", "input.priceTiers.1.minimumQuantity"]);
    let answer = update(app, demo::SUPPLIER, json!({ "productId": id, "incoterm": null, "originCountry": null })).await;
    assert_eq!((&answer["product"]["incoterm"], &answer["product"]["originCountry"]), (&Value::Null, &Value::Null));

    // A price of 100 counts as that of one where prices are compared.
    let sorted = json!({ "productId": id, "pricePerUnits": 100, "category": "Lanterns" });
    assert_eq!(update(app, demo::SUPPLIER, sorted).await["errors"], json!([]));
    let filter = json!({ "filter": { "category": "lanterns", "priceFrom": "0.125", "priceTo": "0.125" } });
    let data = app.data(None, PRODUCTS, filter).await;
    assert_eq!(data["products"]["nodes"].as_array().map(Vec::len), Some(1));
}

async fn a_withdrawn_product_is_seen_by_its_supplier_only(app: &TestApp) {
    let created = create(app, demo::SUPPLIER, listing("W-1")).await;
    let id = created["product"]["id"].clone();
    let (_id, other) = another_supplier(app).await;
    let withdrawn = update(app, demo::SUPPLIER, json!({ "productId": id, "active": false })).await;
    assert_eq!(withdrawn["product"]["active"], false);
    assert!(names(app, "quetzal").await.is_empty());
    let query = "query($id: ID!) { product(id: $id) { active } node(id: $id) { id } }";
    for (token, seen) in [
        (None, false),
        (Some(demo::BUYER), false),
        (Some(demo::STOREFRONT), false),
        (Some(other.as_str()), false),
        (Some(demo::SUPPLIER), true),
        (Some(demo::OPERATOR), true),
    ] {
        let data = app.data(token, query, json!({ "id": id })).await;
        assert_eq!((data["product"].is_object(), data["node"].is_object()), (seen, seen), "{token:?}");
    }
    let listed = update(app, demo::SUPPLIER, json!({ "productId": id, "active": true })).await;
    assert_eq!(listed["product"]["version"], 3);
    assert_eq!(names(app, "quetzal").await.len(), 1);
}

async fn of_two_products_with_one_sku_at_once_one_is_listed(app: &TestApp) {
    let tries = (0..8).map(|_| create(app, demo::SUPPLIER, listing("RACE")));
    let answers = futures_util::future::join_all(tries).await;
    let listed = answers.iter().filter(|answer| answer["product"].is_object()).count();
    assert_eq!(listed, 1, "{answers:?}");
    for answer in answers.iter().filter(|answer| answer["product"].is_null()) {
        assert_eq!(answer["errors"][0]["code"], "ALREADY_EXISTS", "{answer}");
        assert_eq!(paths(&answer["errors"]), ["input.sku"]);
    }
    assert_eq!(names(app, "quetzal").await.len(), 1);
    // Another supplier's skus are its own.
    let (_id, other) = another_supplier(app).await;
    assert_eq!(create(app, &other, listing("RACE")).await["errors"], json!([]));
    // Changes at once lose nothing: each is a version.
    let id = answers.iter().find_map(|answer| answer["product"]["id"].as_str()).expect("a product");
    let changes = (0..8).map(|stock| {
        update(app, demo::SUPPLIER, json!({ "productId": id, "name": format!("Lantern {stock}"), "stock": stock }))
    });
    let versions: BTreeSet<i64> = futures_util::future::join_all(changes)
        .await
        .iter()
        .filter_map(|answer| answer["product"]["version"].as_i64())
        .collect();
    assert_eq!(versions, (2..=9).collect());
}

async fn the_highest_price_is_exact(app: &TestApp) {
    let price = |amount: &str, currency: &str| json!([{ "minimumQuantity": 10, "unitPrice": { "amount": amount, "currency": currency } }]);
    let input = with(listing("BIG"), json!({ "priceTiers": price("1000000000000000", "IDR"), "stock": 2_000_000_000 }));
    let answer = create(app, demo::SUPPLIER, input).await;
    assert_eq!(answer["errors"], json!([]));
    let shown = &answer["product"]["priceTiers"][0]["unitPrice"];
    assert_eq!(
        *shown,
        json!({ "amount": "1000000000000000.00", "currency": "IDR", "minorUnits": "100000000000000000" })
    );
    assert_eq!(answer["product"]["available"], 2_000_000_000);
    let second = with(listing("BIG-2"), json!({ "priceTiers": price("999999999999999.99", "IDR") }));
    assert_eq!(create(app, demo::SUPPLIER, second).await["errors"], json!([]));
    // Both are too high to be told apart by price; pages still show each once.
    let mut found = BTreeMap::new();
    let mut after = Value::Null;
    for _page in 0..2 {
        let variables = json!({ "filter": { "currency": "IDR" }, "sort": "PRICE_DESC", "first": 1, "after": after });
        let data = app.data(None, PRODUCTS, variables).await;
        let node = &data["products"]["nodes"][0];
        found.insert(node["sku"].as_str().expect("a sku").to_owned(), ());
        after = data["products"]["pageInfo"]["endCursor"].clone();
    }
    assert_eq!(found.len(), 2);
}

async fn suppliers_are_found_and_show_their_products(app: &TestApp) {
    let query = "query($search: String, $filter: SupplierFilter, $first: Int, $after: String) {
        suppliers(search: $search, filter: $filter, first: $first, after: $after) {
            nodes { id name country verified rating { average count } products(first: 2) { nodes { name supplier { id } } pageInfo { endCursor hasNextPage } } }
            pageInfo { endCursor hasNextPage } } }";
    let all = app.data(None, query, json!({ "first": 100 })).await;
    let all = all["suppliers"]["nodes"].as_array().expect("nodes").clone();
    assert_eq!(all.len(), 14);
    for supplier in &all {
        let products = supplier["products"]["nodes"].as_array().expect("nodes");
        assert_eq!(products.len(), 2);
        assert!(products.iter().all(|product| product["supplier"]["id"] == supplier["id"]));
        assert_eq!(supplier["products"]["pageInfo"]["hasNextPage"], true);
        assert_eq!(supplier["rating"], Value::Null);
    }
    let found = app.data(None, query, json!({ "search": "optoelectronics shen" })).await;
    assert_eq!(found["suppliers"]["nodes"].as_array().map(Vec::len), Some(1));
    let found = app.data(None, query, json!({ "filter": { "country": "CN", "verifiedOnly": true } })).await;
    let nodes = found["suppliers"]["nodes"].as_array().expect("nodes");
    assert!(!nodes.is_empty() && nodes.iter().all(|node| node["country"] == "CN" && node["verified"] == true));
    // The list within goes on where it ended.
    let more = "query($id: ID!, $after: String) { supplier(id: $id) { products(first: 100, after: $after) { nodes { name } } } }";
    let after = &all[0]["products"]["pageInfo"]["endCursor"];
    let rest = app.data(None, more, json!({ "id": all[0]["id"], "after": after })).await;
    let whole = app.data(None, more, json!({ "id": all[0]["id"] })).await;
    let whole = whole["supplier"]["products"]["nodes"].as_array().expect("nodes").clone();
    assert_eq!(rest["supplier"]["products"]["nodes"].as_array().expect("nodes"), &whole[2..]);
}

async fn no_list_costs_a_statement_per_row(app: &TestApp) {
    let mut node = app.another_node().await;
    let statements = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&statements);
    node.db.read.set_metric_callback(move |_statement| {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    let schema = graphql::build(Mode::Sandbox);
    let viewer = Viewer::Anonymous;
    let count = async |first: i32| {
        let query = format!(
            "{{ products(first: {first}) {{ nodes {{ name priceTiers {{ minimumQuantity }}
                  supplier {{ name rating {{ average }} products(first: 3) {{ nodes {{ name priceTiers {{ minimumQuantity }} }} }} }} }} }}
                suppliers(first: {first}) {{ nodes {{ name rating {{ count }} products(first: {first}) {{ nodes {{ name }} }} }} }} }}"
        );
        let request = async_graphql::Request::new(query).data(node.clone()).data(viewer);
        let (schema, request) = (schema.clone(), graphql::request_data(request, &node, viewer));
        let before = statements.load(Ordering::SeqCst);
        // In a task of the runtime, as the server's requests are.
        let response = tokio::spawn(async move { schema.execute(request).await }).await.expect("runs");
        assert!(response.errors.is_empty(), "{:?}", response.errors);
        statements.load(Ordering::SeqCst) - before
    };
    let (short, long) = (count(1).await, count(100).await);
    assert!(short > 5, "the statements are counted");
    // One per kind and level; now and then two, when the rows of a level come in two parts. One per row would be hundreds.
    assert!(long < 50, "{short} statements for one row, {long} for a hundred");
    node.db.close().await;
}

async fn lists_within_lists_have_an_end(app: &TestApp) {
    let one = "nodes { name supplier { products(first: 100) { ";
    let deep = format!("{{ products(first: 100) {{ {}nodes {{ id }} {}", one.repeat(3), "} ".repeat(3 * 3 + 2));
    let begun = std::time::Instant::now();
    let answer = app.graphql(None, &deep, json!({})).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "QUERY_TOO_COMPLEX", "{}", answer["errors"][0]);
    assert!(begun.elapsed().as_secs() < 10);
    let enough = "{ suppliers(first: 40) { nodes { products(first: 40) { nodes { name supplier { name } } } } } }";
    app.data(None, enough, json!({})).await;
}

async fn two_nodes_seed_once(app: &TestApp) {
    let tables = [
        "search_token",
        "price_tier",
        "credential",
        "payout_account",
        "buyer",
        "browser_origin",
        "storefront",
        "operator",
        "product",
        "supplier",
    ];
    let tx = app.db().begin_write().await.expect("begins");
    for table in tables {
        tx.execute_unprepared(&format!("delete from {table}")).await.expect("empties");
    }
    tx.commit().await.expect("commits");
    let node = app.another_node().await;
    let (one, two) = tokio::join!(seed::run(app.app()), seed::run(&node));
    assert!(one.expect("seeds") != two.expect("seeds"), "exactly one did it");
    assert!(!seed::run(&node).await.expect("looks"));
    node.db.close().await;
    let data = app.data(demo::BUYER, "{ viewer { role buyer { reference } } categories { name } }", json!({})).await;
    assert_eq!(data["viewer"], json!({ "role": "BUYER", "buyer": { "reference": "demo" } }));
    assert_eq!(data["categories"].as_array().map(Vec::len), Some(20));
    let first = app.data(None, PRODUCTS, json!({ "first": 1 })).await;
    assert_eq!(
        first["products"]["nodes"][0]["id"], "product_01kdvdna00e018000000000000",
        "the same on every installation"
    );
}
