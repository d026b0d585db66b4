//! Exact arithmetic on minor units: fees and line totals. Division rounds half to even; everything is checked for overflow.

use entity::MinorUnits;

/// Basis points in a whole: a rate of 250 is 2.5 %.
const WHOLE: i128 = 10_000;

/// Our fee on an amount that is released.
#[must_use]
pub fn fee(amount: MinorUnits, basis_points: i32) -> Option<MinorUnits> {
    let product = i128::from(amount.0).checked_mul(i128::from(basis_points))?;
    divide_half_even(product, WHOLE)
}

/// price × quantity ÷ price_per_units.
#[must_use]
pub fn line_total(price: MinorUnits, quantity: i64, price_per_units: i32) -> Option<MinorUnits> {
    let product = i128::from(price.0).checked_mul(i128::from(quantity))?;
    divide_half_even(product, i128::from(price_per_units))
}

fn divide_half_even(dividend: i128, divisor: i128) -> Option<MinorUnits> {
    if divisor <= 0 || dividend < 0 {
        return None;
    }
    let quotient = dividend.checked_div(divisor)?;
    let twice_rest = dividend.checked_rem(divisor)?.checked_mul(2)?;
    let is_odd = quotient.checked_rem(2)? == 1;
    let up = twice_rest > divisor || (twice_rest == divisor && is_odd);
    let rounded = if up { quotient.checked_add(1)? } else { quotient };
    i64::try_from(rounded).ok().map(MinorUnits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_to_the_even_side() {
        let fee = |amount, rate| fee(MinorUnits(amount), rate).map(|units| units.0);
        assert_eq!(fee(12_800, 250), Some(320));
        assert_eq!(fee(20, 250), Some(0)); // 0.5 → 0
        assert_eq!(fee(60, 250), Some(2)); // 1.5 → 2
        assert_eq!(fee(100, 250), Some(2)); // 2.5 → 2
        assert_eq!(fee(101, 250), Some(3)); // 2.525 → 3
        assert_eq!(fee(i64::MAX, 10_000), Some(i64::MAX));
        assert_eq!(fee(0, 250), Some(0));
    }

    #[test]
    fn parts_of_a_cent_work_and_overflow_is_noticed() {
        let total = |price, quantity, per| line_total(MinorUnits(price), quantity, per).map(|units| units.0);
        assert_eq!(total(185, 250, 100), Some(462)); // 462.5 → 462
        assert_eq!(total(185, 150, 100), Some(278)); // 277.5 → 278
        assert_eq!(total(640, 20, 1), Some(12_800));
        assert_eq!(total(i64::MAX, 2, 1), None);
        assert_eq!(total(1, 1, 0), None);
    }

    proptest::proptest! {
        #[test]
        fn a_fee_is_never_more_than_the_amount(amount in 0_i64.., rate in 0_i32..=10_000) {
            let fee = fee(MinorUnits(amount), rate).expect("in range");
            proptest::prop_assert!(fee.0 >= 0 && fee.0 <= amount);
        }
    }
}
