//! Bytes of a CSV file as text: whatever Excel in Japan and its neighbours write.

use std::borrow::Cow;

use daicho_rules::text::Text;

/// Reads UTF-8 (with or without a byte order mark), UTF-16LE with its mark, or CP932, the Shift_JIS of Windows.
///
/// A mark decides; without one, what is valid UTF-8 is UTF-8: CP932 text of any length is practically never.
pub fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, Text> {
    let (decoded, damaged) = if let Some(rest) = bytes.strip_prefix(b"\xEF\xBB\xBF") {
        encoding_rs::UTF_8.decode_without_bom_handling(rest)
    } else if let Some(rest) = bytes.strip_prefix(b"\xFF\xFE") {
        encoding_rs::UTF_16LE.decode_without_bom_handling(rest)
    } else if let Ok(text) = std::str::from_utf8(bytes) {
        (Cow::Borrowed(text), false)
    } else {
        encoding_rs::SHIFT_JIS.decode_without_bom_handling(bytes)
    };
    if damaged || decoded.contains('\0') {
        return Err(Text::new(
            "文字コードが UTF-8、UTF-16、Shift_JIS（CP932）のいずれかの CSV。Excel で「CSV UTF-8」として保存し直してください",
            "a CSV file in UTF-8, UTF-16 or Shift_JIS (CP932); save it again from Excel as \"CSV UTF-8\"",
        ));
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decodes_to(bytes: &[u8], expected: &str) {
        assert_eq!(decode(bytes).as_deref(), Ok(expected));
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
    fn what_is_no_text_is_a_fault() {
        assert!(decode(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR").is_err());
        assert!(decode(b"\xEF\xBB\xBF\xFF\xFF").is_err());
    }
}
