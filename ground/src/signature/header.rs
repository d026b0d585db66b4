//! Headers of notifications: each there once, and fresh.

use entity::Time;
use http::HeaderMap;

use super::{SignatureError, TOLERANCE_SECONDS};

/// Two of a kind could be read differently by two readers.
pub fn the_only<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, SignatureError> {
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (Some(value), None) => value.to_str().map_err(|_source| SignatureError("a header is not text")),
        (None, _) => Err(SignatureError("a header is missing")),
        (Some(_), Some(_)) => Err(SignatureError("a header is there twice")),
    }
}

/// Unix seconds, plainly written.
pub fn seconds(text: &str) -> Result<i64, SignatureError> {
    let plain = (1..=12).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_parsed| plain).ok_or(SignatureError("the timestamp is malformed"))
}

/// Sent within [`TOLERANCE_SECONDS`] of now.
pub fn fresh(sent: i64, wall_now: Time) -> Result<(), SignatureError> {
    if wall_now.timestamp().abs_diff(sent) > TOLERANCE_SECONDS {
        return Err(SignatureError("the timestamp is more than five minutes off"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_header_is_there_once() {
        let mut headers = HeaderMap::new();
        assert!(the_only(&headers, "x").is_err());
        headers.append("x", HeaderValue::from_static("1"));
        assert_eq!(the_only(&headers, "x"), Ok("1"));
        headers.append("x", HeaderValue::from_static("1"));
        assert!(the_only(&headers, "x").is_err());
    }

    #[test]
    fn five_minutes_are_fresh_and_not_a_second_more() {
        let now = DateTime::from_timestamp(1_700_000_000, 0).expect("a time");
        for (off, is_fresh) in [(0, true), (300, true), (-300, true), (301, false), (-301, false)] {
            assert_eq!(fresh(now.timestamp() + off, now).is_ok(), is_fresh, "{off}");
        }
        for text in ["", "-1", "+1", "1.0", " 1", "1234567890123", "x"] {
            assert!(seconds(text).is_err(), "{text}");
        }
        assert_eq!(seconds("1700000000"), Ok(1_700_000_000));
    }
}
