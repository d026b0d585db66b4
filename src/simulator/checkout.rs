//! The checkout page's doors: show it, take a decision, send the buyer back to the shop.
//!
//! The page is for whoever has its address, like a real bank's: the id in it can't be guessed.

use axum::extract::rejection::{FormRejection, PathRejection};
use axum::extract::{Form, Path, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use entity::SandboxMovementId;
use entity::sandbox_movement::{Column, Entity, Model, MovementKind, MovementStatus};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde::Deserialize;

use super::books::{self, CheckoutDecision};
use super::page;
use crate::app::App;
use crate::error::{Error, Result};

/// No script, no frame, nothing from elsewhere. Browsers hold `form-action` against every redirect that follows the
/// form, and where the shop sends its buyers on to isn't the bank's to know: hence any address.
const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action *; base-uri 'none'; frame-ancestors 'none'";

#[derive(Deserialize)]
pub(super) struct DecisionForm {
    decision: CheckoutDecision,
}

pub(super) async fn show(State(app): State<App>, id: Result<Path<String>, PathRejection>) -> Response {
    let Some(id) = parse_id(id) else { return unknown() };
    let found = Entity::find_by_id(id).filter(Column::Kind.eq(MovementKind::Payment)).one(&app.db.read).await;
    match found {
        Ok(Some(payment)) => html(StatusCode::OK, page::payment(&payment)),
        Ok(None) => unknown(),
        Err(error) => failed(&error.into()),
    }
}

pub(super) async fn decide(
    State(app): State<App>,
    id: Result<Path<String>, PathRejection>,
    form: Result<Form<DecisionForm>, FormRejection>,
) -> Response {
    let Some(id) = parse_id(id) else { return unknown() };
    let Ok(Form(DecisionForm { decision })) = form else {
        let words = "The form must have one field, decision: approve, decline, approve_later or settle.";
        return html(StatusCode::BAD_REQUEST, page::message("This can't be decided", words));
    };
    match books::decide(&app, id, decision).await {
        Ok(Some(payment)) => Redirect::to(&way_on(&payment, decision)).into_response(),
        Ok(None) => unknown(),
        Err(error) => failed(&error),
    }
}

pub(super) async fn style() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "max-age=300"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, include_str!("checkout.css")).into_response()
}

/// Back to the shop if the payment stands as was decided (also when a double click decided it already); else to the
/// page, which says how it stands.
fn way_on(payment: &Model, decision: CheckoutDecision) -> String {
    let as_decided = match (decision, payment.status) {
        (CheckoutDecision::Approve | CheckoutDecision::Settle, MovementStatus::Succeeded)
        | (CheckoutDecision::Decline, MovementStatus::Declined)
        | (CheckoutDecision::ApproveLater, MovementStatus::Settling | MovementStatus::Succeeded) => true,
        (
            CheckoutDecision::Approve | CheckoutDecision::Settle,
            MovementStatus::Open
            | MovementStatus::Settling
            | MovementStatus::Declined
            | MovementStatus::Cancelled
            | MovementStatus::Debited
            | MovementStatus::Won
            | MovementStatus::Lost,
        )
        | (
            CheckoutDecision::Decline,
            MovementStatus::Open
            | MovementStatus::Settling
            | MovementStatus::Succeeded
            | MovementStatus::Cancelled
            | MovementStatus::Debited
            | MovementStatus::Won
            | MovementStatus::Lost,
        )
        | (
            CheckoutDecision::ApproveLater,
            MovementStatus::Open
            | MovementStatus::Declined
            | MovementStatus::Cancelled
            | MovementStatus::Debited
            | MovementStatus::Won
            | MovementStatus::Lost,
        ) => false,
    };
    match &payment.return_url {
        Some(url) if as_decided => url.clone(),
        Some(_) | None => page::path(payment),
    }
}

fn parse_id(id: Result<Path<String>, PathRejection>) -> Option<SandboxMovementId> {
    id.ok()?.parse().ok()
}

fn unknown() -> Response {
    html(StatusCode::NOT_FOUND, page::message("No such payment", "The simulated bank has no payment at this address."))
}

fn failed(error: &Error) -> Response {
    tracing::error!(%error, "the simulated bank's page failed");
    let words = "Something went wrong on the bank's side. Nothing was changed; please try again.";
    html(StatusCode::SERVICE_UNAVAILABLE, page::message("Please try again", words))
}

fn html(status: StatusCode, text: String) -> Response {
    let headers: [(HeaderName, HeaderValue); 4] = [
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (status, headers, Html(text)).into_response()
}
