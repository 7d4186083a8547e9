//! Reads a mail as a mail program does: unfolds and decodes headers, decodes the body.

use data_encoding::BASE64;

/// One mail.
#[derive(Clone, Debug)]
pub struct Mail {
    /// As it lies on disk.
    pub raw: String,
    headers: Vec<(String, String)>,
    /// The decoded text.
    pub body: String,
}

impl Mail {
    /// Reads what a server stored.
    pub fn parse(raw: &str) -> Self {
        let text = raw.replace("\r\n", "\n");
        let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in head.lines() {
            match (line.starts_with([' ', '\t']), headers.last_mut()) {
                (true, Some((_, value))) => {
                    value.push(' ');
                    value.push_str(line.trim_start());
                }
                _ => {
                    let (name, value) = line.split_once(':').unwrap_or((line, ""));
                    headers.push((name.to_lowercase(), value.trim_start().to_owned()));
                }
            }
        }
        let mut mail = Mail { raw: raw.to_owned(), headers, body: String::new() };
        mail.body = match mail.header("content-transfer-encoding").as_deref() {
            Some("base64") => {
                let packed: String = body.split_whitespace().collect();
                String::from_utf8(BASE64.decode(packed.as_bytes()).expect("base64")).expect("UTF-8")
            }
            Some("quoted-printable") => quoted_printable(body, false),
            _ => body.to_owned(),
        }
        .replace("\r\n", "\n");
        mail
    }

    /// A header's decoded value; the name in lower case.
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| decoded(value))
    }

    /// The names of all headers, in lower case.
    pub fn header_names(&self) -> Vec<&str> {
        self.headers.iter().map(|(name, _)| name.as_str()).collect()
    }
}

/// Encoded words (RFC 2047).
fn decoded(value: &str) -> String {
    let mut text = String::new();
    let mut after_word = false;
    for part in value.split(' ') {
        let word = part.strip_prefix("=?").and_then(|part| part.strip_suffix("?="));
        let pieces: Vec<&str> = word.map(|word| word.splitn(3, '?').collect()).unwrap_or_default();
        let plain = match pieces.as_slice() {
            [_, "b" | "B", packed] => {
                let bytes = BASE64.decode(packed.as_bytes()).expect("base64");
                Some(String::from_utf8(bytes).expect("UTF-8"))
            }
            [_, "q" | "Q", packed] => Some(quoted_printable(packed, true)),
            _ => None,
        };
        // Space between two encoded words is not shown.
        let between_words = after_word && plain.is_some();
        if !text.is_empty() && !between_words {
            text.push(' ');
        }
        after_word = plain.is_some();
        text.push_str(plain.as_deref().unwrap_or(part));
    }
    text
}

fn quoted_printable(text: &str, in_header: bool) -> String {
    let text = text.replace("=\n", "");
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'=' => {
                let digits = [rest.next().unwrap_or(b'0'), rest.next().unwrap_or(b'0')];
                let digits = std::str::from_utf8(&digits).expect("hexadecimal");
                bytes.push(u8::from_str_radix(digits, 16).expect("hexadecimal"));
            }
            b'_' if in_header => bytes.push(b' '),
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).expect("UTF-8")
}
