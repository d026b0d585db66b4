//! A mutation that is a command to one order: what all of them take, check and answer.

use async_graphql::{Context, ID, InputType};
use entity::{Currency, MinorUnits, OrderId};

use crate::app::App;
use crate::auth::Viewer;
use crate::error::{ErrorCode, Result};
use crate::graphql::base::request::{app, idempotency_key, viewer};
use crate::graphql::base::scalars::Decimal;
use crate::graphql::order::object::Order;
use crate::idempotency::IdempotencyKey;
use crate::order;
use crate::validate::Checks;
use escrow::Command;

/// A command to one order, as its mutation came in.
pub(crate) struct Call<'a> {
    pub(crate) app: &'a App,
    pub(crate) viewer: Viewer,
    pub(crate) checks: Checks,
    pub(crate) order_id: OrderId,
    pub(crate) expected_version: Option<i64>,
    pub(crate) idempotency_key: Option<IdempotencyKey>,
}

impl<'a> Call<'a> {
    /// `input` is all of the mutation's input.
    pub(crate) fn new(ctx: &Context<'a>, order_id: &ID, expected_version: Option<i32>, input: &impl InputType) -> Self {
        let mut checks = Checks::input();
        let order_id = checks.required_id("orderId", order_id);
        let expected_version = expected_version.map(i64::from);
        Self {
            app: app(ctx),
            viewer: viewer(ctx),
            checks,
            order_id,
            expected_version,
            idempotency_key: idempotency_key(ctx, input),
        }
    }

    pub(crate) async fn execute(mut self, command: &Command) -> Result<Order> {
        IdempotencyKey::check_in(self.idempotency_key.as_ref(), &mut self.checks);
        self.checks.finish()?;
        let (version, key) = (self.expected_version, self.idempotency_key.as_ref());
        let executed = order::execute(self.app, &self.viewer, self.order_id, version, key, command).await?;
        Ok(Order(executed.row))
    }

    /// An exact amount in the order's currency, of at least so many minor units. An order that isn't the viewer's is one
    /// more problem of the input.
    pub(crate) async fn amount(&mut self, field: &str, amount: &Decimal, least: i64) -> Result<MinorUnits> {
        let currency = self.currency().await?;
        Ok(self.checks.amount_in(field, &amount.0, currency, least))
    }

    async fn currency(&mut self) -> Result<Option<Currency>> {
        order::actor(&self.viewer)?;
        // Malformed, and named as that already.
        if self.order_id.0.is_nil() {
            return Ok(None);
        }
        let found = order::find_order(&self.app.db.read, &self.viewer, self.order_id).await?;
        if found.is_none() {
            self.checks.problem("orderId", ErrorCode::NotFound, "there is no such order");
        }
        Ok(found.map(|order| order.currency))
    }
}

/// Declares inputs that name an order: `order_inputs! { /// Doc. ConfirmReturnInput { /// Doc. field: Type, } }`.
macro_rules! order_inputs {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })+) => {$(
        $(#[$doc])*
        #[derive(async_graphql::InputObject)]
        pub struct $name {
            /// Makes the call once: the same key again answers the same. Fresh for each new request.
            pub(crate) idempotency_key: Option<String>,
            /// The order.
            pub(crate) order_id: async_graphql::ID,
            /// Act only on the version of the order that you have seen.
            pub(crate) expected_version: Option<i32>,
            $($(#[$field_doc])* pub(crate) $field: $type,)*
        }

        impl $name {
            fn call<'a>(&self, ctx: &async_graphql::Context<'a>) -> $crate::graphql::order::command::Call<'a> {
                $crate::graphql::order::command::Call::new(ctx, &self.order_id, self.expected_version, self)
            }
        }
    )+};
}
pub(crate) use order_inputs;

/// Declares payloads that show the order: `order_payloads! { /// Doc. ConfirmReturnPayload, }`.
macro_rules! order_payloads {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        $crate::graphql::base::payload::payloads! {$(
            $(#[$doc])*
            $name {
                /// As it is now; null if nothing was done.
                order: $crate::graphql::order::object::Order
            }
        )+}
    };
}
pub(crate) use order_payloads;
