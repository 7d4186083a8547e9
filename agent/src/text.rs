//! Sentences for people, in Japanese and English, and the escaping of what a terminal would obey.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use daicho_proto::text::is_obeyed;
pub use daicho_proto::text::{Language, Text};

/// An error and all that led to it, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        let deeper_line = deeper.to_string();
        if !line.ends_with(&deeper_line) {
            line.push_str(": ");
            line.push_str(&deeper_line);
        }
        cause = deeper.source();
    }
    line
}

/// The text with everything that a terminal would obey, or that would hide or turn round its neighbours, spelled out.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for sign in text.chars() {
        if is_obeyed(sign) {
            escaped.extend(sign.escape_unicode());
        } else {
            escaped.push(sign);
        }
    }
    escaped
}

/// Escaped, and cut or filled to exactly `columns` on a terminal.
pub fn cell(text: &str, columns: usize) -> String {
    let escaped = escape(text);
    if escaped.width() <= columns {
        let fill = columns - escaped.width();
        return escaped + &" ".repeat(fill);
    }
    let mut cut = String::new();
    for sign in escaped.chars() {
        if cut.width() + sign.width().unwrap_or(0) + 1 > columns {
            break;
        }
        cut.push(sign);
    }
    cut.push('…');
    let fill = columns.saturating_sub(cut.width());
    cut + &" ".repeat(fill)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_nothing_that_an_endpoint_wrote() {
        assert_eq!(escape("a\u{1b}[2Jb\u{202e}c\nd"), "a\\u{1b}[2Jb\\u{202e}c\\u{a}d");
        assert_eq!(escape("受付 端末"), "受付 端末");
    }

    #[test]
    fn full_width_signs_take_two_columns() {
        assert_eq!(cell("受付", 6), "受付  ");
        assert_eq!(cell("受付端末", 6), "受付… ");
        assert_eq!(cell("abcdefgh", 6), "abcde…");
    }
}
