//! Versions of Windows programs: numbers with dots, where a missing part is 0.

use std::cmp::Ordering;

use super::compare_numbers;

/// Whether `text` is such a version.
pub(super) fn check(text: &str) -> Result<(), &'static str> {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if text.split('.').all(is_number) { Ok(()) } else { Err("it is not of digits with single dots between") }
}

/// `10.0` equals `10.0.0.0`.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        let (x, y) = (a.next(), b.next());
        if x.is_none() && y.is_none() {
            return Ordering::Equal;
        }
        match compare_numbers(x.unwrap_or("").as_bytes(), y.unwrap_or("").as_bytes()) {
            Ordering::Equal => {}
            decided => return decided,
        }
    }
}
