//! What a provider reports and we can't book, and what the books don't agree on: the money of the orders that it names stands
//! still until an operator has looked at it (`unfreezeOrder`).

use std::collections::BTreeSet;

use entity::{OrderId, chargeback, payment, refund};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter};

use crate::app::App;
use crate::error::{Error, Result};
use crate::order::execute_as_provider;
use escrow::{Command, FreezeReason};

/// Of one text.
const MOST_WORDS: usize = 1_000;
const AT_ONCE: usize = 100;
/// A file that names more than these is not about one of them.
const MOST_ORDERS: usize = 20;

/// Freezes every order whose payment, refund or chargeback at this provider is named in one of the texts, while it holds money.
pub(super) async fn freeze_named(app: &App, provider: &str, texts: &[String]) -> Result<()> {
    let orders = named(app, provider, texts).await?;
    if orders.is_empty() {
        return Ok(());
    }
    metrics::counter!("secure_payment_alarms_total", "kind" => "unexplained").increment(1);
    if orders.len() > MOST_ORDERS {
        tracing::error!(provider, orders = orders.len(), "what can't be booked names too many orders to freeze them");
        return Ok(());
    }
    for order_id in orders {
        let command = Command::FreezeOrder { reason: FreezeReason::Unexplained };
        match execute_as_provider(app, order_id, app.clock.now(), &command).await {
            Ok(_) => tracing::error!(provider, %order_id, "what can't be booked names this order: it is frozen"),
            // It holds no money, or is frozen already.
            Err(Error::Refused(_)) => tracing::error!(provider, %order_id, "what can't be booked names this order"),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn named(app: &App, provider: &str, texts: &[String]) -> Result<BTreeSet<OrderId>> {
    let words: BTreeSet<&str> = texts.iter().flat_map(|text| words(text).take(MOST_WORDS)).collect();
    let words: Vec<&str> = words.into_iter().collect();
    let db = &app.db.read;
    let mut orders = BTreeSet::new();
    for words in words.chunks(AT_ONCE) {
        let of = |one, other| Condition::any().add(one).add(other);
        let payments = payment::Entity::find().filter(payment::Column::Provider.eq(provider)).filter(of(
            payment::Column::Reference.is_in(words.iter().copied()),
            payment::Column::ProviderReference.is_in(words.iter().copied()),
        ));
        orders.extend(payments.all(db).await?.into_iter().map(|row| row.order_id));
        let refunds = refund::Entity::find().filter(refund::Column::Provider.eq(provider)).filter(of(
            refund::Column::Reference.is_in(words.iter().copied()),
            refund::Column::ProviderReference.is_in(words.iter().copied()),
        ));
        orders.extend(refunds.all(db).await?.into_iter().filter_map(|row| row.order_id));
        let chargebacks = chargeback::Entity::find().filter(chargeback::Column::Provider.eq(provider));
        let chargebacks = chargebacks.filter(chargeback::Column::Reference.is_in(words.iter().copied()));
        orders.extend(chargebacks.all(db).await?.into_iter().map(|row| row.order_id));
    }
    Ok(orders)
}

/// What may be a reference.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split(|sign: char| !sign.is_ascii_alphanumeric() && sign != '_' && sign != '-');
    parts.filter(|word| (8..=64).contains(&word.len()))
}
