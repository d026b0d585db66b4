//! Who takes part: storefronts and their buyers, suppliers, operators; their credentials and payout accounts.

pub mod by_id; // finders by id that take the viewer
pub mod credential; // tokens: made here, shown once, kept as a hash
pub mod credentials; // which there are, and when they were last used
pub mod demo; // the sandbox's published tokens
pub mod ending; // how a credential ends, or gives way to its successor
pub mod origin; // which pages may call the API
pub mod payout_account; // where a supplier is paid, encrypted
pub mod storefront; // storefronts and operators
pub mod supplier; // suppliers, and their verification

pub use by_id::{
    find_buyers_by_id, find_credentials_by_id, find_operators_by_id, find_payout_accounts_by_id, find_storefronts_by_id,
};
pub use credential::{
    CreatedCredential, CredentialInput, Session, SessionInput, create_buyer_session, create_credential, create_operator,
};
pub use credentials::{find_credentials, find_own_credential, write_uses};
pub use ending::{Sessions, end_session, prune_sessions, revoke_buyer_sessions, revoke_credential, rotate_credential};
pub use payout_account::{
    decrypt_payout_account, find_active_payout_account, find_payout_accounts, set_payout_account,
};
pub use storefront::{
    Shop, StorefrontChanges, StorefrontInput, create_storefront, find_buyer, find_operator, find_shop, find_storefront,
    update_storefront,
};
pub use supplier::{SupplierInput, create_supplier, payouts_now_possible, verify_supplier};
