//! RFC 5424's own rules.

use super::*;

#[test]
fn values_are_escaped_and_bounded_and_lines_cut_at_whole_characters() {
    assert_eq!(escaped("a\"b\\c]d\ne"), r#"a\"b\\c\]d\\u{a}e"#);
    assert!(escaped(&"\"".repeat(10_000)).len() <= VALUE_BYTES_MAX);
    let mut line = "台帳".repeat(1_000);
    truncate(&mut line, UDP_BYTES_MAX);
    assert!(line.len() <= UDP_BYTES_MAX && line.ends_with('…'));
    assert_eq!((header_field("", 255), header_field("sv 01\n", 255)), ("-".to_owned(), "sv01".to_owned()));
}
