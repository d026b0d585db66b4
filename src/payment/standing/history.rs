//! What was stated, kept once.

use entity::standing::{ActiveModel, Column, Entity, Model};
use entity::{PaymentId, RefundId, StandingId, Time, payment};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::app::App;
use crate::db::retrying;
use crate::error::Result;
use escrow::calendar::after_business_days;
use provider::{Standing, Stands};

/// More changes than these of one thing at once mean that something is wrong.
pub(super) const MOST_STEPS: usize = 20;

/// What it is stated of.
#[derive(Clone, Copy)]
pub(super) struct Subject {
    pub(super) payment_id: PaymentId,
    pub(super) refund_id: Option<RefundId>,
}

impl Subject {
    fn filter(self) -> Condition {
        let of_payment = Condition::all().add(Column::PaymentId.eq(self.payment_id));
        match self.refund_id {
            Some(refund_id) => of_payment.add(Column::RefundId.eq(refund_id)),
            None => of_payment.add(Column::RefundId.is_null()),
        }
    }
}

/// Writes down what was stated; what is known already stays as it is.
pub(super) async fn keep(app: &App, subject: Subject, standing: &Standing, heard_at: Time) -> Result<()> {
    retrying(|| async {
        let transaction = app.db.begin_write().await?;
        // One at a time: by which name the next one is booked depends on the others.
        payment::Entity::find_by_id(subject.payment_id).lock_exclusive().one(&transaction).await?;
        let stands = stands(standing.stands);
        let same = Entity::find()
            .filter(subject.filter())
            .filter(Column::Stands.eq(stands))
            .filter(Column::Reference.eq(&standing.id));
        let stated_at = standing.stated_at.map(|at| at.to_rfc3339()).unwrap_or_default();
        let known = same.all(&transaction).await?;
        if known.iter().any(|row| row.stated_at == stated_at) {
            return Ok(());
        }
        let movement = if known.is_empty() { standing.id.clone() } else { format!("{}@{stated_at}", standing.id) };
        let row = ActiveModel {
            id: Set(StandingId(app.clock.new_id())),
            payment_id: Set(subject.payment_id),
            refund_id: Set(subject.refund_id),
            stands: Set(stands),
            reference: Set(standing.id.clone()),
            original: Set(standing.original.clone().unwrap_or_default()),
            stated_at: Set(stated_at),
            movement: Set(movement),
            amount: Set(standing.amount.amount),
            currency: Set(standing.amount.currency),
            restore_by: Set(restore_by(app, standing.stands, heard_at)),
            reason: Set(standing.reason.clone()),
            created_at: Set(heard_at),
        };
        Entity::insert(row)
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_without_returning(&transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    })
    .await
}

pub(super) fn stands(stated: Stands) -> entity::standing::Stands {
    match stated {
        Stands::Good => entity::standing::Stands::Good,
        Stands::Failed { .. } => entity::standing::Stands::Failed,
        Stands::Refused => entity::standing::Stands::Refused,
        Stands::Withdrawn => entity::standing::Stands::Withdrawn,
    }
}

fn restore_by(app: &App, stated: Stands, heard_at: Time) -> Option<Time> {
    match stated {
        Stands::Failed { mended_within_days } => {
            Some(after_business_days(heard_at, mended_within_days, &app.settings.holidays))
        }
        Stands::Good | Stands::Refused | Stands::Withdrawn => None,
    }
}

/// All that was stated, as we heard of it.
pub(super) async fn history<C: ConnectionTrait>(db: &C, subject: Subject) -> Result<Vec<Model>> {
    let rows = Entity::find().filter(subject.filter());
    Ok(rows.order_by_asc(Column::CreatedAt).order_by_asc(Column::Id).all(db).await?)
}
