//! Mutations of the goods' way to the buyer: ship, correct, give more time, confirm.

use async_graphql::{Context, Object, Result};

use crate::graphql::base::payload::answer;
use crate::graphql::order::command::{order_inputs, order_payloads};
use escrow::Command;

order_inputs! {
    /// Hand the goods to a carrier.
    ShipOrderInput {
        /// A single line of at most 100 characters.
        carrier: String,
        /// A single line of at most 100 characters.
        tracking_number: String,
    }
    /// Correct what was said of the shipment.
    UpdateShipmentInput {
        /// A single line of at most 100 characters.
        carrier: String,
        /// A single line of at most 100 characters.
        tracking_number: String,
    }
    /// Give the other side more time.
    ExtendDeadlineInput {
        /// So many days more: 1 to 30. The deadline may then be at most 180 days away.
        days: i32,
    }
    /// Say that the goods arrived as agreed.
    ConfirmReceivedInput {}
}

order_payloads! {
    /// What `shipOrder` left.
    ShipOrderPayload,
    /// What `updateShipment` left.
    UpdateShipmentPayload,
    /// What `extendDeadline` left.
    ExtendDeadlinePayload,
    /// What `confirmReceived` left.
    ConfirmReceivedPayload,
}

#[derive(Default)]
pub struct ShippingMutation;

#[Object]
impl ShippingMutation {
    /// Supplier: hand the goods to a carrier. The transit time and the buyer's inspection period begin.
    async fn ship_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: ShipOrderInput,
    ) -> Result<ShipOrderPayload> {
        let mut call = input.call(ctx);
        let carrier = call.checks.line("carrier", &input.carrier, 100);
        let tracking_number = call.checks.line("trackingNumber", &input.tracking_number, 100);
        answer(call.execute(&Command::ShipOrder { carrier, tracking_number }).await)
    }

    /// Supplier: correct the carrier or the tracking number. No clock changes.
    async fn update_shipment(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: UpdateShipmentInput,
    ) -> Result<UpdateShipmentPayload> {
        let mut call = input.call(ctx);
        let carrier = call.checks.line("carrier", &input.carrier, 100);
        let tracking_number = call.checks.line("trackingNumber", &input.tracking_number, 100);
        answer(call.execute(&Command::UpdateShipment { carrier, tracking_number }).await)
    }

    /// Buyer, while FUNDED: give the supplier more days to ship. Supplier, while SHIPPED: give the buyer more days to inspect.
    async fn extend_deadline(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: ExtendDeadlineInput,
    ) -> Result<ExtendDeadlinePayload> {
        let days = input.days;
        answer(input.call(ctx).execute(&Command::ExtendDeadline { days }).await)
    }

    /// Buyer: say that the goods arrived as agreed. The held money is released to the supplier; there is no way back.
    async fn confirm_received(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do, and to what.")] input: ConfirmReceivedInput,
    ) -> Result<ConfirmReceivedPayload> {
        answer(input.call(ctx).execute(&Command::ConfirmReceived).await)
    }
}
