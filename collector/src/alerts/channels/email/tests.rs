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
