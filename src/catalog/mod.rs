//! Products and suppliers: how they are found, listed, and offered to an order.
//!
//! What is listed is public. A withdrawn listing is found only by its supplier and by operators, and never in a list.

pub mod find; // by id, and what belongs to several
pub mod index; // the words that each is found by
pub mod listing; // what a supplier writes, and what it must be
pub mod offer; // what an order is made of: price and stock
pub mod search; // products by words, filters and sort
pub mod words; // how text becomes findable
pub mod write; // new listings and changes of them

pub use find::{
    Category, Rating, SupplierQuery, find_categories, find_product, find_products_by_id, find_products_of_suppliers,
    find_ratings, find_supplier, find_suppliers, find_suppliers_by_id, find_tiers,
};
pub use listing::{Listing, ListingChanges, Tier};
pub use offer::{Offer, give_back, require_offer, reserve};
pub use search::{FoundProduct, ProductKey, ProductQuery, ProductSort, check_price, find_products};
pub use write::{create_product, update_product};
