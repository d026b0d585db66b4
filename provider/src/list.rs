//! The list of providers. Adding one is its folder and its line here.

use std::sync::Arc;

use chrono::Days;
use ground::clock::Clock;
use ground::setting::{Installation, SettingError};

use crate::interface::PaymentProvider;
use crate::{adyen, alipay, antom, bank, dlocal, partner, qiwi, rapyd, sandbox, stripe, webmoney, yookassa};

/// Makes of the list of providers: their names, their settings, and those that are configured.
macro_rules! providers {
    ($($name:ident: $settings:ident,)+) => {
        /// Every provider there is, configured or not, by name.
        pub const NAMES: &[&str] = &[$($name::NAME),+];

        /// The settings of all of them.
        #[derive(clap::Args, Clone, Debug)]
        pub struct ProviderSettings {
            $(#[command(flatten)] pub $name: $name::$settings,)+
        }

        /// Those that are configured, in the order of the list. The error names the setting that can't be used.
        pub(crate) fn configured(
            settings: &ProviderSettings,
            installation: &Installation,
            clock: &Clock,
        ) -> Result<Vec<Arc<dyn PaymentProvider>>, SettingError> {
            let listed = [$($name::from_settings(&settings.$name, installation, clock)?),+];
            Ok(listed.into_iter().flatten().collect())
        }
    };
}

// The list. Where several offer a method, or pay out, the first is used, unless `SECURE_PAYMENT_ROUTES` or
// `SECURE_PAYMENT_PAYOUTS` say otherwise.
providers! {
    stripe: StripeSettings,
    adyen: AdyenSettings,
    antom: AntomSettings,
    alipay: AlipaySettings,
    yookassa: YookassaSettings,
    bank: BankSettings,
    rapyd: RapydSettings,
    qiwi: QiwiSettings,
    dlocal: DlocalSettings,
    webmoney: WebmoneySettings,
    partner: PartnerSettings,
    sandbox: SandboxSettings,
}

/// Of providers that say by reports what they have settled: within how many days of a movement, as it is booked here, one of
/// them has it. None where a statement has all of its day.
#[must_use]
pub fn days_late(provider: &str) -> Option<Days> {
    Some(Days::new(match provider {
        adyen::NAME => adyen::DAYS_LATE,
        alipay::NAME => alipay::DAYS_LATE,
        antom::NAME => antom::DAYS_LATE,
        dlocal::NAME => dlocal::DAYS_LATE,
        rapyd::NAME => rapyd::DAYS_LATE,
        webmoney::NAME => webmoney::DAYS_LATE,
        yookassa::NAME => yookassa::DAYS_LATE,
        _complete_to_the_day => return None,
    }))
}
