//! Every payment provider, against a fake of it that speaks its format strictly, and against the vendors' own samples.

mod alipay;
mod antom;
mod keys;
pub(crate) mod stripe;
