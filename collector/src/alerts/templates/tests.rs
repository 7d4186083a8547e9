//! What a template may say, and how its faults are told.

use super::*;

fn filled(text: &str) -> Result<(String, String), String> {
    let template = Template::parse(text)?;
    let value = |name: &str| format!("<{name}>");
    Ok((fill(&template.subject, &value), fill(&template.body, &value)))
}

#[test]
fn names_are_filled_in_and_doubled_braces_stay() {
    let (subject, body) = filled("件名: 【当院】{subject}\r\n\r\n{{係}}です。\r\n{text}\r\n").unwrap();
    assert_eq!((subject.as_str(), body.as_str()), ("【当院】<subject>", "{係}です。\n<text>\n"));
    assert_eq!(filled("\u{feff}Subject: a\n\nb").unwrap().1, "b");
}

#[test]
fn a_fault_is_told_with_its_line() {
    for (text, part) in [
        ("", "line 1"),
        ("{subject}\n\n{text}", "line 1"),
        ("件名:\n\n{text}", "line 1"),
        ("件名: a\n", "no text"),
        ("件名: a\n\n\n{txet}\n", "line 4"),
        ("件名: a\n\n{text\n", "line 3"),
        ("件名: a\n\ntext}\n", "line 3"),
        ("件名: {text\n\nb", "line 1"),
        ("件名: a\n\n\u{1b}[2J", "U+001B"),
    ] {
        let fault = Template::parse(text).unwrap_err();
        assert!(fault.contains(part), "{text:?}: {fault}");
    }
}

#[test]
fn what_is_filled_in_brings_no_name_and_no_header_along() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("news.ja.txt"), "件名: {device}\n\n{device} {{\n").unwrap();
    let templates = Templates::load(Some(folder.path())).unwrap();
    let hostile = |_: &str| "{text}\r\nBcc: x".to_owned();
    let subject = templates.subject("news", Language::Japanese, &hostile).unwrap();
    assert_eq!(subject, r"{text}\u{d}\u{a}Bcc: x");
    assert!(templates.body("news", Language::Japanese, &hostile).unwrap().starts_with("{text}"));
    assert_eq!(templates.subject("news", Language::English, &hostile), None);
    std::fs::write(folder.path().join("nwes.ja.txt"), "件名: a\n\nb").unwrap();
    let error = Templates::load(Some(folder.path())).unwrap_err().to_string();
    assert!(error.contains("nwes.ja.txt") && error.contains("news"), "{error}");
}
