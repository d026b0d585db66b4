//! Who takes part: storefronts and their buyers, suppliers, operators; their credentials and payout accounts.

pub mod bank_account; // an account at a bank: checked, masked, encrypted
pub mod by_id; // finders by id that take the viewer
pub mod credential; // tokens: made here, shown once, kept as a hash
pub mod demo; // the sandbox's published tokens
pub mod payout_account; // where a supplier is paid, encrypted
pub mod storefront; // storefronts and operators
pub mod supplier; // suppliers, and their verification

pub use bank_account::{BankAccount, BankAccountInput};
pub use by_id::{
    find_buyers_by_id, find_credentials_by_id, find_operators_by_id, find_payout_accounts_by_id, find_storefronts_by_id,
};
pub use credential::{
    CreatedCredential, CredentialInput, Session, create_buyer_session, create_credential, create_operator,
};
pub use payout_account::{
    decrypt_payout_account, find_active_payout_account, find_payout_accounts, set_payout_account,
};
pub use storefront::{create_storefront, find_buyer, find_operator, find_storefront};
pub use supplier::{SupplierInput, create_supplier, payouts_now_possible, verify_supplier};
