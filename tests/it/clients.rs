//! A client of another make: `graphql_client` derives its types from `schema.graphql` when this compiles, so that what it
//! reads fits is what the schema says. The clients of other languages are in `clients/`.

use graphql_client::{GraphQLQuery, Response};
use secure_payment::party::demo;
use serde_json::Value as JSON;

use crate::support::steps::press;
use crate::support::{TestApp, on_each_database};

on_each_database!(a_typed_rust_client_buys, a_typed_rust_client_reads_what_is_wrong);

// The schema's scalars, by the names that the derived modules look for.
type BigInt = String;
type CountryCode = String;
type CurrencyCode = String;
type DateTime = chrono::DateTime<chrono::Utc>;
type Decimal = rust_decimal::Decimal;

macro_rules! operations {
    ($($name:ident),+ $(,)?) => { $(
        #[derive(GraphQLQuery)]
        #[graphql(
            schema_path = "schema.graphql",
            query_path = "tests/it/clients/purchase.graphql",
            variables_derives = "Clone",
            response_derives = "Debug, PartialEq"
        )]
        struct $name;
    )+ };
}

operations!(FindProduct, BuyNow, ConfirmOrder, PayOrder, ReadOrder);

/// `data` of an answer without errors.
async fn ask<Q: GraphQLQuery>(app: &TestApp, _operation: Q, variables: Q::Variables) -> Q::ResponseData {
    let request = app.http().post(app.url("/graphql")).bearer_auth(demo::BUYER).json(&Q::build_query(variables));
    let answer: Response<Q::ResponseData> =
        request.send().await.expect("an answer").json().await.expect("what the schema says");
    assert_eq!(answer.errors, None);
    answer.data.expect("data")
}

async fn cart(app: &TestApp) -> buy_now::BuyNowInput {
    let search = "led strip 5m waterproof 2835".to_owned();
    let found = ask(app, FindProduct, find_product::Variables { search }).await;
    let products = found.products.expect("a page");
    let product = products.nodes.first().expect("a product");
    assert!(product.supplier.verified);
    buy_now::BuyNowInput {
        idempotency_key: "typed".to_owned(),
        product_id: product.id.clone(),
        quantity: product.minimum_order_quantity.max(20),
        shipping_address: buy_now::AddressInput {
            name: "Ana Souza".to_owned(),
            line1: "Rua Augusta 100".to_owned(),
            line2: None,
            city: "São Paulo".to_owned(),
            region: None,
            postal_code: "01304-000".to_owned(),
            country: "BR".to_owned(),
            phone: None,
        },
        client_reference: Some("shop-1".to_owned()),
        currency: Some("USD".to_owned()),
        incoterm: None,
        metadata: Some(vec![buy_now::MetadataInput { key: "channel".to_owned(), value: "rust".to_owned() }]),
    }
}

async fn a_typed_rust_client_buys(app: &TestApp) {
    let variables = buy_now::Variables { input: cart(app).await };
    let bought = ask(app, BuyNow, variables.clone()).await.buy_now;
    assert!(bought.errors.is_empty(), "{:?}", bought.errors);
    assert_eq!(ask(app, BuyNow, variables).await.buy_now, bought, "the same key, the same answer");
    let order = bought.order.expect("an order");
    assert_eq!(order.status, buy_now::OrderStatus::AWAITING_CONFIRMATION);
    let contract = order.contract.expect("a contract");
    assert_eq!(contract.total.amount, Decimal::new(12_800, 2));
    assert_eq!((contract.total.currency.as_str(), contract.total.minor_units.as_str()), ("USD", "12800"));

    let input = confirm_order::ConfirmOrderInput {
        order_id: order.id.clone(),
        contract_version: contract.version,
        expected_version: None,
        idempotency_key: None,
    };
    let confirmed = ask(app, ConfirmOrder, confirm_order::Variables { input }).await.confirm_order;
    assert_eq!(confirmed.order.expect("an order").status, confirm_order::OrderStatus::AWAITING_PAYMENT);

    let input = pay_order::PayOrderInput {
        order_id: order.id.clone(),
        idempotency_key: "typed payment".to_owned(),
        method: pay_order::PaymentMethod::VISA,
        expected_version: None,
        payer: None,
        return_url: None,
    };
    let payment = ask(app, PayOrder, pay_order::Variables { input }).await.pay_order.payment.expect("a payment");
    assert_eq!(payment.status, pay_order::PaymentStatus::PENDING);
    let Some(pay_order::PayOrderPayOrderPaymentNextAction::RedirectAction(redirect)) = payment.next_action else {
        panic!("no page to pay at: {:?}", payment.next_action);
    };
    press(app, &redirect.url, "approve").await;
    app.drain().await;

    let Some(read_order::ReadOrderNode::Order(read)) =
        ask(app, ReadOrder, read_order::Variables { id: order.id }).await.node
    else {
        panic!("not an order");
    };
    assert_eq!(read.status, read_order::OrderStatus::FUNDED);
    assert_eq!(read.escrow.held.amount, contract.total.amount);
    let events = read.events.expect("a page").nodes;
    assert!(events.iter().any(|event| event.type_ == "order.funded" && event.data.is_object()), "{events:?}");
}

async fn a_typed_rust_client_reads_what_is_wrong(app: &TestApp) {
    let mut input = cart(app).await;
    input.quantity = 0;
    input.shipping_address.city = String::new();
    let refused = ask(app, BuyNow, buy_now::Variables { input }).await.buy_now;
    assert_eq!(refused.order, None);
    let mut paths: Vec<String> = refused.errors.iter().map(|error| error.path.join(".")).collect();
    paths.sort();
    assert_eq!(paths, ["input.quantity", "input.shippingAddress.city"]);
    assert!(refused.errors.iter().any(|error| error.code == buy_now::ErrorCode::INVALID_INPUT));
}
