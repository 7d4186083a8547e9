//! What makers write where a serial number belongs, on every system.

/// What makers write where a serial number or UUID belongs and none was given: it names nothing.
const PLACEHOLDERS: &[&str] = &[
    "to be filled by o.e.m.",
    "to be filled by o.e.m",
    "default string",
    "system serial number",
    "chassis serial number",
    "serial number",
    "system product name",
    "not specified",
    "not applicable",
    "not available",
    "none",
    "n/a",
    "na",
    "invalid",
    "unknown",
    "empty",
    "o.e.m.",
    "oem",
    "123456789",
    "0123456789",
    "1234567890",
    "03000200-0400-0500-0006-000700080009",
    "12345678-1234-5678-90ab-cddeefaabbcc",
];

/// A serial number or UUID as the maker wrote it, unless it is one that names nothing: a placeholder, or one digit
/// repeated.
pub(crate) fn identity(text: &str) -> Option<String> {
    let text = text.trim();
    let placeholder = PLACEHOLDERS.contains(&text.to_lowercase().as_str());
    let mut digits = text.chars().filter(|c| !matches!(c, '-' | ' ' | '.' | ':'));
    let first = digits.next()?;
    let repeated = digits.all(|c| c.eq_ignore_ascii_case(&first));
    (!placeholder && !repeated).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_name_nothing_and_odd_serials_do() {
        for text in [
            "To be filled by O.E.M.",
            "Default string",
            "00000000",
            "0",
            "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
            " ",
        ] {
            assert_eq!(identity(text), None, "{text}");
        }
        for text in ["VMware-56 4d 1f", "PF0ABC12", "日本-1"] {
            assert_eq!(identity(text).as_deref(), Some(text));
        }
    }
}
