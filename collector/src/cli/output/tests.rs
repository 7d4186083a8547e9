//! Tables align, and hostile text stays text.

use super::*;

#[test]
fn full_width_text_is_aligned() {
    let mut table = Table::new(&["機器", "状態"]);
    table.row(vec!["SV-01".to_owned(), "未対応".to_owned()]);
    table.row(vec!["電子カルテ".to_owned(), "x".to_owned()]);
    let text = table.render();
    let column = |line: &str| width(&line[..line.find(['状', '未', 'x']).unwrap()]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!([column(lines[0]), column(lines[2]), column(lines[3])], [12, 12, 12], "{text}");
}

#[test]
fn a_table_fits_100_columns_and_loses_nothing() {
    let long = "アカウント tanaka は退職者のものです。".repeat(8);
    let word = "x".repeat(150);
    let mut table = Table::new(&["機器", "内容", "対象"]);
    table.row(vec!["SV-01".to_owned(), long.clone(), word.clone()]);
    let text = table.render();
    for line in text.lines() {
        assert!(width(line) <= WIDTH_MAX, "{} wide: {line}", width(line));
    }
    let squeezed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    assert_eq!(squeezed.matches('x').count(), 150);
    assert_eq!(squeezed.matches("退").count(), 8);
}

#[test]
fn a_line_begins_with_no_full_stop_and_ends_with_no_opening_bracket() {
    for room in 8..30 {
        for line in wrap("これは文です。それも（あれも）文です。それは、「文」です。", room)
        {
            assert!(!line.starts_with(['。', '、', '）', '」']), "{room}: {line}");
            assert!(!line.ends_with(['（', '「']), "{room}: {line}");
        }
    }
}

#[test]
fn words_are_not_cut_where_there_is_a_space() {
    assert_eq!(wrap("one two three", 8), ["one two", "three"]);
    assert_eq!(wrap("one two three", 7), ["one two", "three"]);
    assert_eq!(wrap("", 8), [""]);
}

#[test]
fn a_terminal_obeys_nothing_from_an_endpoint() {
    let hostile = "a\u{1b}[2Jb\u{202e}c\u{9b}31m\nd\u{200b}e\u{2066}";
    let shown = escape(hostile);
    assert_eq!(shown, "a\\u{1b}[2Jb\\u{202e}c\\u{9b}31m\\nd\\u{200b}e\\u{2066}");
    let mut table = Table::new(&["名前"]);
    table.row(vec![hostile.to_owned()]);
    assert!(!table.render().contains(['\u{1b}', '\u{202e}', '\u{9b}']));
    assert!(!table.csv().unwrap().contains(['\u{1b}', '\u{202e}', '\u{9b}']));
    let text = json(&[hostile]).unwrap();
    assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{9b}']));
    assert_eq!(serde_json::from_str::<Vec<String>>(&text).unwrap(), [hostile], "the value stays what it was");
}

#[test]
fn no_cell_is_a_formula() {
    for cell in ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "＝1", "\t=1"] {
        let mut table = Table::new(&["名前"]);
        table.row(vec![cell.to_owned()]);
        let csv = table.csv().unwrap();
        let value = csv.lines().nth(1).unwrap().trim_start_matches('"');
        assert!(value.starts_with(['\'', '\\']), "{cell:?} became {value}");
    }
}

#[test]
fn csv_is_rfc_4180_with_a_byte_order_mark() {
    let mut table = Table::new(&["機器", "内容"]);
    table.row(vec!["SV\"01".to_owned(), "a,b".to_owned()]);
    assert_eq!(table.csv().unwrap(), "\u{feff}機器,内容\r\n\"SV\"\"01\",\"a,b\"\r\n");
}

#[test]
fn the_language_is_asked_for_or_the_locale_s() {
    assert_eq!(language(None, Some("ja_JP.UTF-8")), Language::Japanese);
    assert_eq!(language(Some(Lang::En), Some("ja_JP.UTF-8")), Language::English);
    assert_eq!(language(None, Some("C.UTF-8")), Language::English);
    assert_eq!(language(None, None), Language::English);
}
