//! The checkout page's doors: show it, take a decision, send the buyer back to the shop.
//!
//! The page is for whoever has its address, like a real bank's: the id in it can't be guessed.

use axum::extract::rejection::{FormRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use entity::SandboxMovementId;
use entity::sandbox_movement::{Column, Entity, Model, MovementKind};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::collected;
use super::method_kind::MethodKind;
use super::page::{self, Shown};
use super::play::{self, Form, Played, Problem};
use crate::app::App;
use crate::error::{Error, Result};

/// No script, no frame, nothing from elsewhere. Browsers hold `form-action` against every redirect that follows the
/// form, and where the shop sends its buyers on to isn't the bank's to know: hence any address.
const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action *; base-uri 'none'; frame-ancestors 'none'";

pub(super) async fn show(State(app): State<App>, id: Result<Path<String>, PathRejection>) -> Response {
    let Some(id) = parse_id(id) else { return unknown() };
    match show_payment(&app, id).await {
        Ok(Some(text)) => html(StatusCode::OK, text),
        Ok(None) => unknown(),
        Err(error) => failed(&error),
    }
}

async fn show_payment(app: &App, id: SandboxMovementId) -> Result<Option<String>> {
    let found = Entity::find_by_id(id).filter(Column::Kind.eq(MovementKind::Payment)).one(&app.db.read).await?;
    match found {
        Some(payment) => page(app, &payment, None).await.map(Some),
        None => Ok(None),
    }
}

async fn page(app: &App, payment: &Model, refused: Option<(&Form, &Problem)>) -> Result<String> {
    let behind = collected::behind(&app.db.read, payment.id).await?;
    page::payment(&Shown { payment, behind: &behind, now: app.clock.now(), refused })
}

pub(super) async fn decide(
    State(app): State<App>,
    id: Result<Path<String>, PathRejection>,
    form: Result<axum::extract::Form<Form>, FormRejection>,
) -> Response {
    let Some(id) = parse_id(id) else { return unknown() };
    let Ok(axum::extract::Form(form)) = form else {
        let words = "The form must have the field decision: approve, decline, approve_later, settle, expire, transfer or \
                     bounce; the last two also take amount, and transfer takes reference.";
        return html(StatusCode::BAD_REQUEST, page::message("This can't be decided", words));
    };
    match answer(&app, id, &form).await {
        Ok(Some(response)) => response,
        Ok(None) => unknown(),
        Err(error) => failed(&error),
    }
}

async fn answer(app: &App, id: SandboxMovementId, form: &Form) -> Result<Option<Response>> {
    let Some(played) = play::play(app, id, form).await? else { return Ok(None) };
    Ok(Some(match played {
        // From such a page, buyers are sent back to the shop; an account or a code they keep.
        Played::Done(payment) if MethodKind::of(&payment) == MethodKind::Redirect => {
            let back = payment.return_url.clone().unwrap_or_else(|| page::path(&payment));
            Redirect::to(&back).into_response()
        }
        Played::Done(payment) | Played::Nothing(payment) => Redirect::to(&page::path(&payment)).into_response(),
        Played::Refused(payment, problem) => {
            let text = page(app, &payment, Some((form, &problem))).await?;
            html(StatusCode::UNPROCESSABLE_ENTITY, text)
        }
    }))
}

pub(super) async fn style() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "max-age=300"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, include_str!("checkout.css")).into_response()
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
