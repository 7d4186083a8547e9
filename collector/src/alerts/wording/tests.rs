//! Hostile text stays one visible line.

use super::*;

#[test]
fn what_a_reader_would_obey_becomes_visible() {
    assert_eq!(
        plain("a\r\nBcc: b\u{202e}c\u{2028}\u{1b}[2J", 100),
        r"a\u{d}\u{a}Bcc: b\u{202e}c\u{2028}\u{1b}[2J"
    );
    assert_eq!(plain("田中 太郎", 100), "田中 太郎");
    assert_eq!(plain("あいうえお", 3), "あいう…");
}
