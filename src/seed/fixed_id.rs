//! Ids that are the same on every installation.

use chrono::DateTime;
use entity::Time;
use uuid::Uuid;

/// 1 January 2026: everything of the seed was made then. Real ids are later, so the seed is listed first.
const SEEDED_MILLIS: i64 = 1_767_225_600_000;

/// Numbers the tables, so that no two rows of the seed share an id.
#[derive(Clone, Copy)]
pub(super) enum SeedTable {
    Supplier,
    Product,
    PayoutAccount,
    Storefront,
    Buyer,
    Operator,
    Credential,
}

impl SeedTable {
    fn number(self) -> u16 {
        match self {
            Self::Supplier => 1,
            Self::Product => 2,
            Self::PayoutAccount => 3,
            Self::Storefront => 4,
            Self::Buyer => 5,
            Self::Operator => 6,
            Self::Credential => 7,
        }
    }
}

/// A UUIDv7 of the day of the seed: the table where a real one has fractions of the millisecond, and the row's place in
/// its file where a real one is random. So ids sort as the file does.
pub(super) fn fixed_id(table: SeedTable, index: u64) -> Uuid {
    let mut random = [0_u8; 10];
    random[..2].copy_from_slice(&table.number().to_be_bytes());
    random[2..].copy_from_slice(&index.to_be_bytes());
    uuid::Builder::from_unix_timestamp_millis(SEEDED_MILLIS.unsigned_abs(), &random).into_uuid()
}

pub(super) fn seeded_at() -> Time {
    DateTime::from_timestamp_millis(SEEDED_MILLIS).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use entity::ProductId;

    use super::*;

    #[test]
    fn ids_are_fixed_and_sort_as_the_file_does() {
        let ids: Vec<Uuid> = [0, 1, 255, 256, 319].map(|index| fixed_id(SeedTable::Product, index)).to_vec();
        assert!(ids.is_sorted());
        assert!(ids.iter().all(|id| id.get_version_num() == 7 && id.get_variant() == uuid::Variant::RFC4122));
        assert_eq!(ProductId(ids[1]).to_string(), "product_01kdvdna00e018000000000001");
    }
}
