//! Looks into the folders of the bank's files (`BANK_INBOX`) and of settlement reports (`<PROVIDER>_REPORTS`), again and again.

use std::time::Duration;

use tokio::sync::watch;

use crate::app::App;
use crate::payment;

const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Looks until it is time to stop.
pub(super) async fn run(app: &App, mut stopped: watch::Receiver<bool>) {
    let mut go_on = payment::has_folder(app);
    while go_on {
        payment::pick_up_files(app).await;
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => go_on = false,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}
