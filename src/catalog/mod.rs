//! Products and suppliers: how they are found, listed, and offered to an order.
//!
//! What is listed is public. A withdrawn listing is found only by its supplier and by operators, and never in a list.

pub mod listing; // what a supplier writes
pub mod offer; // what an order is made of: price and stock
pub mod search; // what everybody reads
pub mod seed; // what a new sandbox starts with
pub mod words; // how text becomes findable

pub use listing::{Listing, ListingChanges, Tier, create_product, update_product};

pub use offer::{Offer, give_back, require_offer, reserve};
pub use search::{
    Category, FoundProduct, ProductKey, ProductQuery, ProductSort, Rating, SupplierQuery, find_categories,
    find_product, find_products, find_supplier, find_suppliers,
};
