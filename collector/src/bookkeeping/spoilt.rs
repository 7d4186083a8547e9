//! What Excel has made of a name: a power of ten, a day, a time. And whether a text is a hardware address.

use daicho_rules::normal;

/// Digits of a hardware address (IEEE 802, 48 bits).
const MAC_DIGITS: usize = 12;

/// Whether a text is what Excel leaves where somebody typed a number or a name that looked like one to it.
///
/// Only shapes that Excel in Japanese and English writes by itself: `1.23E+11`, `1月2日`, `2003/4/5`, `Jan-02`, `2-Jan`.
/// `5E12` and `1-2` are names as good as any.
pub fn is_spoilt(text: &str) -> bool {
    let key = normal::key(text);
    is_scientific(&key) || is_day(&key) || is_english_day(text)
}

/// `1.23e+11`: the rest of a long number is thrown away.
fn is_scientific(key: &str) -> bool {
    let Some((number, exponent)) = key.split_once("e+") else { return false };
    is_digits(exponent) && is_digits(&number.replacen('.', "", 1))
}

/// `1月2日`, which was 1-2, and `2003/4/5`, which was 3-4-5.
fn is_day(key: &str) -> bool {
    let short = |text: &str| text.len() <= 2 && is_digits(text);
    let of_month = key.strip_suffix('日').and_then(|key| key.split_once('月'));
    if of_month.is_some_and(|(month, day)| short(month) && short(day)) {
        return true;
    }
    let mut fields = key.split('/');
    let (year, month, day) = (fields.next(), fields.next(), fields.next());
    let four = |text: &str| text.len() == 4 && is_digits(text);
    fields.next().is_none() && year.is_some_and(four) && month.is_some_and(short) && day.is_some_and(short)
}

/// `Jan-02` and `2-Jan`, with exactly these capitals: `JAN-02` may be a machine.
fn is_english_day(text: &str) -> bool {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let Some((left, right)) = text.split_once('-') else { return false };
    let short = |text: &str| (1..=2).contains(&text.len()) && is_digits(text);
    (MONTHS.contains(&left) && short(right) && right.len() == 2) || (short(left) && MONTHS.contains(&right))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The hardware addresses of a cell as twelve digits each, however they are written, with words such as 有線 between
/// them. `None` where something stands there that is no whole address.
pub fn macs(text: &str) -> Option<Vec<String>> {
    let key = normal::key(text);
    let parts: Vec<String> = key
        .split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '.')))
        .map(|part| part.chars().filter(char::is_ascii_alphanumeric).collect())
        .filter(|part: &String| !part.is_empty())
        .collect();
    if parts.iter().any(|part| !part.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        return None;
    }
    // `00 1a 2b 3c 4d 5e`: spaces may stand inside of one.
    let parts = if parts.iter().all(|part| part.len() == 2) { vec![parts.concat()] } else { parts };
    (!parts.is_empty() && parts.iter().all(|part| part.len() == MAC_DIGITS)).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_excel_leaves_is_known_and_names_are_left_alone() {
        for text in
            ["1.23E+11", "5E+12", "１．２３Ｅ＋１１", "1月2日", "12月31日", "2003/4/5", "Jan-02", "2-Jan"]
        {
            assert!(is_spoilt(text), "{text}");
        }
        for text in
            ["5E12", "1-2", "1E+", "E+5", "1月", "JAN-02", "2003-4-5", "3/4", "PC-01", "", "Mar-2025-x"]
        {
            assert!(!is_spoilt(text), "{text}");
        }
    }

    #[test]
    fn addresses_are_found_however_they_are_written_and_halves_are_not() {
        for text in
            ["00:1A:2B:3C:4D:5E", "００－１Ａ－２Ｂ－３Ｃ－４Ｄ－５Ｅ", "001a.2b3c.4d5e", "00 1A 2B 3C 4D 5E"]
        {
            assert_eq!(macs(text), Some(vec!["001a2b3c4d5e".to_owned()]), "{text}");
        }
        let two = macs("有線 00-11-22-33-44-55\n無線 00-11-22-33-44-56").expect("two");
        assert_eq!(two, ["001122334455", "001122334456"]);
        for text in ["0:11:22", "1.12E+11", "1122334455", "00:11:22:33:44", "有線", "", "00-11-22-33-44-5G"]
        {
            assert_eq!(macs(text), None, "{text}");
        }
    }
}
