//! What the configuration may not say.

use super::*;

fn smtp(toml: &str) -> Result<(), ConfigError> {
    let smtp: SmtpConfig = toml::from_str(&format!("from = \"a@b.example\"\n{toml}")).unwrap();
    Server::parse(&smtp, None).map(|_| ())
}

#[test]
fn mail_is_unprotected_on_this_machine_alone_unless_somebody_says_plain() {
    assert!(smtp("server = \"127.0.0.1\"\nsecurity = \"none\"").is_ok());
    let error = smtp("server = \"mail.example\"\nsecurity = \"none\"").unwrap_err();
    assert!(error.to_string().contains("plain = true"), "{error}");
    assert!(smtp("server = \"mail.example\"\nsecurity = \"none\"\nplain = true").is_ok());
    let error =
        smtp("server = \"mail.example\"\nsecurity = \"none\"\nplain = true\nuser = \"u\"").unwrap_err();
    assert!(error.to_string().contains("never sent unprotected"), "{error}");
}

#[test]
fn an_address_cannot_bring_a_header_along() {
    for text in ["a@b.example\r\nBcc: c@d.example", "a", "", "a@b.example, c@d.example", "あ@b.example"] {
        assert!(mailbox(text).is_err(), "{text:?}");
    }
    assert_eq!(mailbox("台帳 <a@b.example>").unwrap().email.to_string(), "a@b.example");
}

#[test]
fn a_message_id_is_one_word() {
    assert_eq!(message_id("officer/a@b.1-2.3", "b.example"), "<daicho.officer=a=b.1-2.3@b.example>");
}

#[test]
fn every_mail_is_ascii_in_short_lines_whatever_it_tells() {
    let smtp: SmtpConfig =
        toml::from_str("server = \"localhost\"\nsecurity = \"none\"\nfrom = \"台帳 <a@b.example>\"").unwrap();
    let email = Email {
        from: mailbox(&smtp.from).unwrap(),
        to: mailbox("officer@b.example").unwrap(),
        server: Server::parse(&smtp, None).unwrap(),
        languages: vec![Language::Japanese, Language::English],
        templates: Arc::default(),
    };
    let at: jiff::Timestamp = "2026-11-24T00:30:00Z".parse().unwrap();
    let long = "診療放射線科第一撮影室".repeat(200);
    let text = || daicho_rules::text::Text::new(long.clone(), long.clone());
    let mut violation = crate::alerts::preview::invented(at);
    (violation.device, violation.summary, violation.remedy) = (long.clone(), text(), text());
    let word = crate::alerts::daily_word::DailyWord { failing: vec![long.clone()], ..Default::default() };
    for message in crate::alerts::preview::messages(&violation, word, at) {
        let mail = email.compose(&message).unwrap().formatted();
        assert!(mail.is_ascii());
        // RFC 5322, 2.1.1.
        let longest = mail.split(|byte| *byte == b'\n').map(<[u8]>::len).max().unwrap();
        assert!(longest <= 998, "{longest}");
        let text = String::from_utf8(mail).unwrap();
        let (headers, _) = text.split_once("\r\n\r\n").unwrap();
        assert!(
            headers.contains("Subject: =?utf-8?b?") && headers.lines().all(|line| line.len() <= 78),
            "{headers}"
        );
    }
}
