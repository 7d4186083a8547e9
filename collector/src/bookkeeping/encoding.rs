//! Bytes of a CSV file as text: whatever Excel in Japan and its neighbours write.

use std::borrow::Cow;

use daicho_rules::text::Text;

/// Why bytes are no text, and the first line that shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The line, from 1 on, where one line is to blame.
    pub row: Option<u32>,
    /// What was expected.
    pub expected: Text,
}

/// Reads UTF-8 (with or without a byte order mark), UTF-16 with its mark, or CP932, the Shift_JIS of Windows.
///
/// A mark decides; without one, what is valid UTF-8 is UTF-8: CP932 text of any length is practically never.
pub fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, Damage> {
    let (decoded, damaged) = if let Some(rest) = bytes.strip_prefix(b"\xEF\xBB\xBF") {
        encoding_rs::UTF_8.decode_without_bom_handling(rest)
    } else if let Some(rest) = bytes.strip_prefix(b"\xFF\xFE") {
        encoding_rs::UTF_16LE.decode_without_bom_handling(rest)
    } else if let Some(rest) = bytes.strip_prefix(b"\xFE\xFF") {
        encoding_rs::UTF_16BE.decode_without_bom_handling(rest)
    } else if let Ok(text) = std::str::from_utf8(bytes) {
        (Cow::Borrowed(text), false)
    } else {
        return cp932(bytes);
    };
    if damaged || decoded.contains('\0') { Err(damage(None)) } else { Ok(decoded) }
}

/// CP932, unless one of its lines is UTF-8: pasted in from another file, it would be read as rubbish.
fn cp932(bytes: &[u8]) -> Result<Cow<'_, str>, Damage> {
    let (decoded, damaged) = encoding_rs::SHIFT_JIS.decode_without_bom_handling(bytes);
    // No second byte of CP932 is a line feed: a line can be looked at alone.
    let mut lines = (1_u32..).zip(bytes.split(|byte| *byte == b'\n'));
    if damaged || decoded.contains('\0') {
        let broken =
            |line: &[u8]| line.contains(&0) || encoding_rs::SHIFT_JIS.decode_without_bom_handling(line).1;
        return Err(damage(lines.find(|(_, line)| broken(line)).map(|(number, _)| number)));
    }
    match lines.find(|(_, line)| is_japanese_utf8(line)) {
        Some((number, _)) => Err(Damage {
            row: Some(number),
            expected: Text::new(
                "ファイル全体が一つの文字コード。この行だけ UTF-8 で、ほかの行は Shift_JIS（CP932）です。Excel で開いて直し、「CSV UTF-8」として保存し直してください",
                "one encoding for the whole file; this line is UTF-8 and others are Shift_JIS (CP932): mend it in Excel and save it again as \"CSV UTF-8\"",
            ),
        }),
        None => Ok(decoded),
    }
}

/// Whether a line is valid UTF-8 with a letter of three bytes or more. A line of CP932 is that by chance only if it holds
/// nothing but rare kanji and half-width kana in a certain order; letters of two bytes alone would prove nothing (`ﾂｱ`).
fn is_japanese_utf8(line: &[u8]) -> bool {
    std::str::from_utf8(line).is_ok_and(|text| text.chars().any(|c| c.len_utf8() >= 3))
}

fn damage(row: Option<u32>) -> Damage {
    let expected = Text::new(
        "文字コードが UTF-8、UTF-16、Shift_JIS（CP932）のいずれかの CSV。Excel で「CSV UTF-8」として保存し直してください",
        "a CSV file in UTF-8, UTF-16 or Shift_JIS (CP932); save it again from Excel as \"CSV UTF-8\"",
    );
    Damage { row, expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decodes_to(bytes: &[u8], expected: &str) {
        assert_eq!(decode(bytes).expect("text"), expected);
    }

    #[test]
    fn each_encoding_of_excel_is_read() {
        decodes_to("髙﨑①㈱ソ表能".as_bytes(), "髙﨑①㈱ソ表能");
        decodes_to(b"\xEF\xBB\xBF\xE8\x81\xB7\xE5\x93\xA1", "職員");
        // CP932: NEC and IBM extensions, and second bytes that are a backslash.
        let (cp932, _, _) = encoding_rs::SHIFT_JIS.encode("髙﨑①㈱ソ表能～－");
        decodes_to(&cp932, "髙﨑①㈱ソ表能～－");
        decodes_to(b"\xFF\xFE\x77\x80\xE1\x54", "職員");
    }

    #[test]
    fn the_line_that_is_damaged_or_pasted_in_is_named() {
        let row = |bytes: &[u8]| decode(bytes).expect_err("no text").row;
        assert_eq!(row(b"a,b\n\x96\xF2\x8D\n"), Some(2));
        let mut pasted = b"a\n\x96\xF2\x8D\xDC\n".to_vec();
        pasted.extend("薬剤部\n".as_bytes());
        assert_eq!(row(&pasted), Some(3));
        decodes_to(b"\xFE\xFF\x80\x77\x54\xE1", "職員");
        // Half-width kana that happen to be UTF-8 for something.
        decodes_to(b"\xC2\xB1\n\xB1\n", "ﾂｱ\nｱ\n");
    }

    #[test]
    fn what_is_no_text_is_a_fault() {
        assert!(decode(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR").is_err());
        assert!(decode(b"\xEF\xBB\xBF\xFF\xFF").is_err());
    }
}
