//! The bank's API: JSON over HTTP, with a key. What it wants and answers stands in the module above.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use entity::Money;
use entity::sandbox_movement::{Model, MovementKind, MovementStatus};
use reqwest::Url;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use subtle::ConstantTimeEq;

use super::books::{self, Asked, BankError};
use super::notify::Document;
use super::{collected, page};
use crate::app::App;
use crate::error::ErrorCode;

/// The caller has the bank's key; in live mode nobody has.
pub(super) struct Authorised;

impl FromRequestParts<App> for Authorised {
    type Rejection = BankError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, BankError> {
        if !app.settings.is_sandbox() {
            return Err(BankError::refused(StatusCode::NOT_FOUND, "no_bank", "there is no simulated bank here"));
        }
        let given = parts.headers.get(header::AUTHORIZATION).map_or(&b""[..], |value| value.as_bytes());
        let wanted = format!("Bearer {}", app.settings.providers.sandbox.api_key.expose_secret());
        if bool::from(given.ct_eq(wanted.as_bytes())) {
            return Ok(Self);
        }
        Err(BankError::refused(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "send Authorization: Bearer <key of the simulated bank>",
        ))
    }
}

impl IntoResponse for BankError {
    fn into_response(self) -> Response {
        let (status, code, message) = match self {
            Self::Refused { status, code, message } => (status, code, message),
            Self::Failed(error) => {
                tracing::error!(%error, "the simulated bank failed");
                match error.public() {
                    (ErrorCode::Unavailable, message) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", message),
                    (_failure, message) => (StatusCode::INTERNAL_SERVER_ERROR, "internal", message),
                }
            }
        };
        (status, Json(json!({ "error": { "code": code, "message": message } }))).into_response()
    }
}

type Answer = Result<Response, BankError>;
type Body = Result<Bytes, BytesRejection>;

#[derive(Deserialize)]
struct WireAmount {
    amount: String,
    currency: String,
}

#[derive(Deserialize)]
struct PaymentInput {
    reference: String,
    method: String,
    amount: WireAmount,
    description: String,
    notification_url: String,
    return_url: Option<String>,
}

pub(super) async fn create_payment(State(app): State<App>, _key: Authorised, body: Body) -> Answer {
    let input: PaymentInput = parse(body)?;
    if page::method_label(&input.method).is_none() {
        return Err(invalid("method is unknown"));
    }
    if input.description.chars().count() > 500 || input.description.chars().any(char::is_control) {
        return Err(invalid("description must be one line of at most 500 characters"));
    }
    let asked = Asked {
        reference: check_reference(input.reference)?,
        amount: input.amount.exact()?,
        // The page tells them apart again by the first line break.
        description: format!("{}\n{}", input.method, input.description),
        notification_url: check_url("notification_url", &input.notification_url)?,
        return_url: input.return_url.map(|url| check_url("return_url", &url)).transpose()?,
    };
    answer(&app, &books::open_payment(&app, asked).await?).await
}

pub(super) async fn cancel_payment(State(app): State<App>, _key: Authorised, Path(reference): Path<String>) -> Answer {
    answer(&app, &books::cancel_payment(&app, &check_reference(reference)?).await?).await
}

#[derive(Deserialize)]
struct RefundInput {
    reference: String,
    /// Reference of the payment.
    payment: String,
    amount: WireAmount,
    /// Where to send it, for methods that don't know; looked at, not kept.
    payee_account: Option<String>,
    notification_url: String,
}

pub(super) async fn create_refund(State(app): State<App>, _key: Authorised, body: Body) -> Answer {
    let input: RefundInput = parse(body)?;
    let payment = check_reference(input.payment)?;
    let knows_payee = input.payee_account.is_some_and(|account| !account.trim().is_empty());
    let asked = Asked {
        reference: check_reference(input.reference)?,
        amount: input.amount.exact()?,
        description: format!("Refund of {payment}"),
        notification_url: check_url("notification_url", &input.notification_url)?,
        return_url: None,
    };
    answer(&app, &books::open_refund(&app, &payment, knows_payee, asked).await?).await
}

#[derive(Deserialize)]
struct PayoutInput {
    reference: String,
    amount: WireAmount,
    /// Where to send it; looked at, not kept.
    account: String,
    notification_url: String,
}

pub(super) async fn create_payout(State(app): State<App>, _key: Authorised, body: Body) -> Answer {
    let input: PayoutInput = parse(body)?;
    if input.account.trim().is_empty() {
        return Err(invalid("account is empty"));
    }
    let asked = Asked {
        reference: check_reference(input.reference)?,
        amount: input.amount.exact()?,
        description: "Payout".to_owned(),
        notification_url: check_url("notification_url", &input.notification_url)?,
        return_url: None,
    };
    answer(&app, &books::open_payout(&app, asked).await?).await
}

pub(super) async fn show_payment(State(app): State<App>, _key: Authorised, Path(reference): Path<String>) -> Answer {
    show(&app, MovementKind::Payment, "payment", reference).await
}

pub(super) async fn show_refund(State(app): State<App>, _key: Authorised, Path(reference): Path<String>) -> Answer {
    show(&app, MovementKind::Refund, "refund", reference).await
}

pub(super) async fn show_payout(State(app): State<App>, _key: Authorised, Path(reference): Path<String>) -> Answer {
    show(&app, MovementKind::Payout, "payout", reference).await
}

async fn show(app: &App, kind: MovementKind, name: &str, reference: String) -> Answer {
    let found = books::find(&app.db.read, kind, &check_reference(reference)?).await?;
    answer(app, &found.ok_or_else(|| BankError::not_found(name))?).await
}

async fn answer(app: &App, movement: &Model) -> Answer {
    let document = if movement.kind == MovementKind::Payment {
        let transfers = collected::transfers(&app.db.read, movement.id).await?;
        Document::of_payment(movement, &transfers, format!("{}{}", app.settings.public_url(), page::path(movement)))
    } else {
        Document::of(movement)
    };
    let status = match movement.status {
        // Accepted, but the money is still on its way.
        MovementStatus::Settling => StatusCode::ACCEPTED,
        MovementStatus::Open
        | MovementStatus::Succeeded
        | MovementStatus::Declined
        | MovementStatus::Cancelled
        | MovementStatus::Expired
        | MovementStatus::Debited
        | MovementStatus::Won
        | MovementStatus::Lost => StatusCode::OK,
    };
    Ok((status, Json(document)).into_response())
}

fn invalid(message: impl Into<String>) -> BankError {
    BankError::refused(StatusCode::BAD_REQUEST, "invalid_request", message)
}

fn parse<T: DeserializeOwned>(body: Body) -> Result<T, BankError> {
    let bytes =
        body.map_err(|rejection| BankError::refused(rejection.status(), "unreadable_body", rejection.body_text()))?;
    serde_json::from_slice(&bytes).map_err(|error| invalid(error.to_string()))
}

fn check_reference(reference: String) -> Result<String, BankError> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    if (1..=100).contains(&reference.len()) && reference.bytes().all(known) {
        return Ok(reference);
    }
    Err(invalid("reference must be 1 to 100 characters of A-Z, a-z, 0-9, '_', '-' and '.'"))
}

fn check_url(field: &str, text: &str) -> Result<String, BankError> {
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && text.len() <= 2_000)
        .map(String::from)
        .ok_or_else(|| invalid(format!("{field} must be an http:// or https:// URL")))
}

impl WireAmount {
    fn exact(&self) -> Result<Money, BankError> {
        Money::exact(&self.amount, &self.currency).map_err(|error| invalid(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(amount: &str, currency: &str) -> Option<String> {
        let wire = WireAmount { amount: amount.to_owned(), currency: currency.to_owned() };
        wire.exact().ok().map(|money| money.to_string())
    }

    #[test]
    fn an_amount_is_exact_or_refused() {
        assert_eq!(exact("64.00", "USD").as_deref(), Some("64.00 USD"));
        assert_eq!(exact("1250", "JPY").as_deref(), Some("1,250 JPY"));
        for (amount, currency) in
            [("64.001", "USD"), ("0", "USD"), ("-1", "USD"), ("", "USD"), ("1_0", "USD"), ("1", "usd")]
        {
            assert_eq!(exact(amount, currency), None, "{amount} {currency}");
        }
    }

    #[test]
    fn only_web_addresses_are_called_or_linked() {
        assert_eq!(check_url("u", "https://shop.example/b?x=ä").expect("passes"), "https://shop.example/b?x=%C3%A4");
        for url in ["javascript:alert(1)", "data:,x", "/back", "", "file:///etc/passwd"] {
            assert!(check_url("u", url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_reference_is_short_and_plain() {
        assert!(check_reference("payment_01h2xcejqtf2nbrexx3vqjhp41".to_owned()).is_ok());
        for reference in ["", "a/b", "a b", "ä", &"x".repeat(101)] {
            assert!(check_reference(reference.to_owned()).is_err(), "{reference}");
        }
    }
}
