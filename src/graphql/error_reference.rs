//! `docs/errors.md`, made from the enum that the API serves: `secure-payment errors` prints it, and a test keeps it equal.

use std::fmt::Write;

use async_graphql::Value;
use async_graphql::resolver_utils::EnumType;

use super::Schema;
use crate::error::ErrorCode;

const HEAD: &str = "# Errors

Made by `cargo run -- errors` from the code; a test keeps it equal.

There are two kinds. **What you can mend is data**: every mutation's payload has `errors: [{ code, message, path }]`, all problems of
an input at once, each with the `path` of the value that has to change (`[\"input\", \"lines\", \"0\", \"unitPrice\"]`), and the thing itself is null.
**What keeps a request or a field from being answered** is a top-level error, `errors: [{ message, path, extensions: { code } }]`, with the
same codes: with the `path` of the field if others were answered, without `path` if nothing ran.

The HTTP status is that of the GraphQL-over-HTTP specification: 200 whenever the request ran; a request that did not run has the
status in the table with `Accept: application/graphql-response+json`, and 200 for documents that were refused with `Accept: application/json`.
The status of 401, 403, 413, 429 and 503 is the same for both. On a socket the same errors come as messages, see [limits](limits.md).

Branch on `code`, show `message` to people, and keep `x-request-id` of an answer: our log has it. A message may be worded
better tomorrow; a code keeps its meaning.

| Code | Means, and what to do | Told | HTTP | Again? |
|---|---|---|---|---|
";

/// How a code reaches a client.
struct Telling {
    place: &'static str,
    /// Of a request that did not run because of it.
    status: &'static str,
    again: &'static str,
}

/// The whole page.
///
/// # Errors
/// If the schema doesn't describe the enum.
pub async fn error_reference(schema: &Schema) -> Result<String, String> {
    let answer = schema.execute("{ __type(name: \"ErrorCode\") { enumValues { name description } } }").await;
    let Value::Object(answer) = answer.data else { return Err(format!("{:?}", answer.errors)) };
    let answer = Value::Object(answer).into_json().map_err(|cause| cause.to_string())?;
    let described = answer["__type"]["enumValues"].as_array().ok_or("the enum is not in the schema")?;
    let mut page = HEAD.to_owned();
    for item in ErrorCode::items() {
        let description = described.iter().find(|one| one["name"] == item.name);
        let description = description.and_then(|one| one["description"].as_str()).ok_or(item.name)?;
        let Telling { place, status, again } = telling(item.value);
        let description = description.replace('\n', " ").replace('|', "\\|");
        writeln!(page, "| `{}` | {description} | {place} | {status} | {again} |", item.name)
            .map_err(|cause| cause.to_string())?;
    }
    Ok(page)
}

fn telling(code: ErrorCode) -> Telling {
    const PAYLOAD: &str = "payload";
    const BOTH: &str = "payload, field";
    const REQUEST: &str = "request";
    const CHANGED: &str = "changed";
    let (place, status, again) = match code {
        ErrorCode::InvalidInput => (BOTH, "200; 422 for a file", CHANGED),
        ErrorCode::CurrencyNotAvailable | ErrorCode::InvalidAmount => (BOTH, "200", CHANGED),
        ErrorCode::BelowMinimumQuantity
        | ErrorCode::AmountExceedsHeld
        | ErrorCode::IdempotencyKeyReused
        | ErrorCode::MethodNotAvailable
        | ErrorCode::ReturnUrlNotAllowed => (PAYLOAD, "200", CHANGED),
        ErrorCode::OutOfStock => (PAYLOAD, "200", "later, or with less"),
        ErrorCode::AlreadyExists => (PAYLOAD, "200; 409 for a file", CHANGED),
        ErrorCode::InvalidTransition => (PAYLOAD, "200", "when the order has moved"),
        ErrorCode::StaleVersion => (PAYLOAD, "200", "after reading it again"),
        ErrorCode::OrderFrozen => (PAYLOAD, "200", "when it is thawed"),
        ErrorCode::PayeeDetailsRequired => (PAYLOAD, "200", "after `provideRefundAccount`"),
        ErrorCode::NotFound => (BOTH, "200; 404 for addresses", "no"),
        ErrorCode::NotPermitted => ("payload, field, request", "200; 403", "with another credential"),
        ErrorCode::LimitReached => ("payload, operation of a socket", "200", "when one is gone"),
        ErrorCode::Unauthenticated => {
            ("field, request", "200 without a token; 401 with a bad one", "with a credential")
        }
        ErrorCode::BadRequest => (REQUEST, "400, 405, 406, 408, 415", CHANGED),
        ErrorCode::InvalidDocument | ErrorCode::QueryTooComplex => (REQUEST, "400", CHANGED),
        ErrorCode::PersistedQueryNotFound => (REQUEST, "200", "with the document's text"),
        ErrorCode::DocumentNotTrusted | ErrorCode::IntrospectionDisabled => (REQUEST, "400", "no"),
        ErrorCode::OriginNotAllowed => (REQUEST, "403", "no"),
        ErrorCode::RateLimited => (REQUEST, "429", "after `Retry-After` seconds"),
        ErrorCode::PayloadTooLarge => (REQUEST, "413", CHANGED),
        ErrorCode::Unavailable => ("field, request", "200; 503", "yes, with the same `idempotencyKey`"),
        ErrorCode::Internal => ("field, request", "200; 500", "yes, with the same `idempotencyKey`; then tell us"),
    };
    Telling { place, status, again }
}
