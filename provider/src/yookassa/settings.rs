//! YooKassa's settings.

use clap::Args;
use secrecy::SecretString;

/// The YooMoney wallet, in roubles.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct YookassaSettings {
    /// YooKassa: the shop's number (shopId); setting it turns YooKassa on
    #[arg(id = "yookassa_shop_id", long = "yookassa-shop-id", env = "YOOKASSA_SHOP_ID", global = true)]
    pub shop_id: Option<String>,

    /// YooKassa: the shop's secret key (`test_…`, `live_…`)
    #[arg(
        id = "yookassa_secret_key",
        long = "yookassa-secret-key",
        env = "YOOKASSA_SECRET_KEY",
        hide_env_values = true,
        global = true
    )]
    pub secret_key: Option<SecretString>,

    /// YooKassa: how the buyer pays on its page: yoo_money, bank_card or sbp
    #[arg(
        id = "yookassa_payment_method",
        long = "yookassa-payment-method",
        env = "YOOKASSA_PAYMENT_METHOD",
        default_value = "yoo_money",
        global = true
    )]
    pub payment_method: String,

    /// YooKassa: the addresses and networks that its notifications come from, which nobody signs
    #[arg(
        id = "yookassa_addresses",
        long = "yookassa-addresses",
        env = "YOOKASSA_ADDRESSES",
        default_value = "77.75.153.0/25,77.75.154.128/25,77.75.156.11,77.75.156.35,185.71.76.0/27,185.71.77.0/27,2a02:5180:0:1509::/64,2a02:5180:0:1533::/64,2a02:5180:0:2655::/64,2a02:5180:0:2669::/64,2a02:5180::/32",
        value_delimiter = ',',
        global = true
    )]
    pub addresses: Vec<String>,

    /// YooKassa: where its API is
    #[arg(
        id = "yookassa_api_base",
        long = "yookassa-api-base",
        env = "YOOKASSA_API_BASE",
        default_value = "https://api.yookassa.ru",
        global = true
    )]
    pub api_base: String,

    /// YooKassa: folder where its registers of payments and refunds (CSV) are put
    #[arg(id = "yookassa_reports", long = "yookassa-reports", env = "YOOKASSA_REPORTS", global = true)]
    pub reports: Option<String>,
}
