//! Notifications that are signed as the Standard Webhooks are: [`ground::signature`] says how.

use entity::Time;
use secrecy::SecretString;

use crate::webhook::{Verified, VerifyError, WebhookRequest};
use ground::signature;

/// Sent again, it is the same byte for byte, under the same id.
pub(crate) fn verify(
    secrets: &[SecretString],
    request: &WebhookRequest<'_>,
    wall_now: Time,
) -> Result<Verified, VerifyError> {
    let event_id = signature::verify(secrets, request.headers, request.body, wall_now)?;
    Ok(Verified { event_id, content: request.body.to_vec() })
}
