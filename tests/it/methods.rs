//! Every method from end to end, as those see it who use the API: bought, paid, shipped, quarrelled about, settled, and a part
//! given back. IdempotencyKey in the sandbox, on the simulated bank's page, and once for each provider, against its fake:
//! `methods::sandbox::tef::postgres`, `methods::fake::visa_by_stripe::sqlite`.

mod fall_back;
mod journey;
mod table;

use journey::{in_the_sandbox, with_a_fake};

macro_rules! journeys {
    ($($name:ident: $journey:ident($($argument:literal),+),)+) => {$(
        mod $name {
            use crate::support::{Engine, TestApp, run};

            async fn test(app: &TestApp) {
                super::super::$journey(app, $($argument),+).await;
            }

            #[test]
            fn sqlite() {
                run(Engine::Sqlite, test);
            }

            #[test]
            fn postgres() {
                run(Engine::Postgres, test);
            }
        }
    )+};
}

mod sandbox {
    journeys! {
        visa: in_the_sandbox("VISA"),
        mastercard: in_the_sandbox("MASTERCARD"),
        maestro: in_the_sandbox("MAESTRO"),
        bank_transfer: in_the_sandbox("BANK_TRANSFER"),
        western_union: in_the_sandbox("WESTERN_UNION"),
        qiwi: in_the_sandbox("QIWI"),
        webmoney: in_the_sandbox("WEBMONEY"),
        yandex: in_the_sandbox("YANDEX"),
        tef: in_the_sandbox("TEF"),
        alipay: in_the_sandbox("ALIPAY"),
    }
}

/// A new provider has a line for each of its methods.
mod fake {
    journeys! {
        visa_by_stripe: with_a_fake("VISA", "stripe"),
        mastercard_by_stripe: with_a_fake("MASTERCARD", "stripe"),
        maestro_by_stripe: with_a_fake("MAESTRO", "stripe"),
        visa_by_adyen: with_a_fake("VISA", "adyen"),
        mastercard_by_adyen: with_a_fake("MASTERCARD", "adyen"),
        maestro_by_adyen: with_a_fake("MAESTRO", "adyen"),
        bank_transfer_by_bank: with_a_fake("BANK_TRANSFER", "bank"),
        alipay_by_antom: with_a_fake("ALIPAY", "antom"),
        alipay_by_alipay: with_a_fake("ALIPAY", "alipay"),
        qiwi_by_partner: with_a_fake("QIWI", "partner"),
        western_union_by_partner: with_a_fake("WESTERN_UNION", "partner"),
        western_union_by_rapyd: with_a_fake("WESTERN_UNION", "rapyd"),
        qiwi_by_qiwi: with_a_fake("QIWI", "qiwi"),
        webmoney_by_webmoney: with_a_fake("WEBMONEY", "webmoney"),
        tef_by_dlocal: with_a_fake("TEF", "dlocal"),
        yandex_by_yookassa: with_a_fake("YANDEX", "yookassa"),
    }
}
