//! A payment of ours, before its provider is asked for it.

use entity::payment::{Model, PaymentMethod};
use entity::{PaymentId, payment};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use super::method::way_back;
use crate::app::App;
use crate::error::{Error, Result};
use crate::order::LockedOrder;
use escrow::NewPayment;
use provider::{MethodTerms, Payer, PaymentProvider};

/// An attempt to pay: by whom, and how.
pub(super) struct Attempt<'a> {
    pub(super) provider: &'a dyn PaymentProvider,
    pub(super) terms: &'a MethodTerms,
    pub(super) payment_id: PaymentId,
    pub(super) method: PaymentMethod,
    pub(super) payer: &'a Payer,
    pub(super) return_url: Option<String>,
}

/// What the provider promises is frozen into the payment.
pub(super) async fn new_payment(locked: &LockedOrder<'_>, attempt: Attempt<'_>) -> Result<NewPayment> {
    let app = locked.app();
    let Attempt { provider, terms, payment_id, method, payer, return_url } = attempt;
    let (refund_by, refund_way) = way_back(app, provider, terms, locked.order().row.currency);
    Ok(NewPayment {
        payment_id,
        provider: provider.name().to_owned(),
        reference: fresh_reference(app, locked.transaction(), provider, payment_id).await?,
        method,
        refund_by,
        refund_way,
        refund_days: i32::try_from(terms.refund_days.1).unwrap_or(10),
        takes_parts: terms.takes_parts,
        encrypted_payer: seal_payer(app, payment_id, payer)?,
        return_url,
        replaces: None,
    })
}

/// Kept until the provider has answered: the call may have to be made again.
fn seal_payer(app: &App, payment_id: PaymentId, payer: &Payer) -> Result<Option<String>> {
    if *payer == Payer::default() {
        return Ok(None);
    }
    let json = serde_json::to_string(payer).map_err(|error| Error::internal(error.to_string()))?;
    app.cipher.encrypt(&app.clock, &payment_id.to_string(), &json).map(Some)
}

/// As it was sealed for the provider, as long as that has not answered.
pub(super) fn payer_of(app: &App, payment: &Model) -> Result<Payer> {
    let Some(sealed) = &payment.encrypted_payer else { return Ok(Payer::default()) };
    serde_json::from_str(&app.cipher.decrypt(&payment.id.to_string(), sealed)?)
        .map_err(|_would_quote_it| Error::internal(format!("the payer of {} can't be read", payment.id)))
}

/// What the payment will be called at its provider: never what another one is called.
async fn fresh_reference<C: ConnectionTrait>(
    app: &App,
    db: &C,
    provider: &dyn PaymentProvider,
    payment_id: PaymentId,
) -> Result<String> {
    loop {
        let reference = provider.reference(payment_id, app.clock.random_bytes());
        let same = payment::Entity::find()
            .filter(payment::Column::Provider.eq(provider.name()))
            .filter(payment::Column::Reference.eq(&reference));
        if same.one(db).await?.is_none() {
            return Ok(reference);
        }
    }
}
