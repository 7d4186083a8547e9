//! Security identifiers (SID): who somebody is, whatever the name. Binary ones become text, and back.

/// The most parts that follow the authority (`SID_MAX_SUB_AUTHORITIES`, winnt.h).
const PARTS_MAX: usize = 15;

/// Bytes before the first part: revision, count, authority.
const HEAD: usize = 8;

/// The SID at the start of these bytes, and how many of them it takes.
pub(in crate::platform::windows) fn parse(bytes: &[u8]) -> Option<(String, usize)> {
    let (&[revision, count], rest) = bytes.split_first_chunk::<2>()?;
    let count = usize::from(count);
    if revision != 1 || count > PARTS_MAX {
        return None;
    }
    let length = HEAD + 4 * count;
    let parts = bytes.get(HEAD..length)?;
    let authority = rest.first_chunk::<6>()?.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let mut text = format!("S-1-{authority}");
    for part in parts.chunks_exact(4) {
        let part = u32::from_le_bytes([part[0], part[1], part[2], part[3]]);
        text.push_str(&format!("-{part}"));
    }
    Some((text, length))
}

/// As Windows wants it.
#[cfg(any(windows, test))]
pub(in crate::platform::windows) fn encode(text: &str) -> Option<Vec<u8>> {
    let mut numbers = text.strip_prefix("S-1-")?.split('-');
    let authority: u64 = numbers.next()?.parse().ok()?;
    let parts = numbers.map(str::parse).collect::<Result<Vec<u32>, _>>().ok()?;
    let count = u8::try_from(parts.len()).ok().filter(|count| usize::from(*count) <= PARTS_MAX)?;
    let mut bytes = vec![1, count];
    bytes.extend(&authority.to_be_bytes()[2..]);
    bytes.extend(parts.iter().flat_map(|part| part.to_le_bytes()));
    Some(bytes)
}

/// The number of an account within its machine or domain: the last part.
pub(in crate::platform::windows) fn number(sid: &str) -> Option<u32> {
    sid.rsplit_once('-')?.1.parse().ok()
}

/// Whether the SID is one of the machine or domain that has this one.
pub(super) fn is_below(sid: &str, above: &str) -> bool {
    sid.strip_prefix(above).is_some_and(|rest| rest.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sid_is_the_same_there_and_back() {
        for text in ["S-1-5-32-544", "S-1-1-0", "S-1-5-21-1760460187-1592185332-161725925-500", "S-1-12-1-7"]
        {
            let mut bytes = encode(text).unwrap();
            let length = bytes.len();
            bytes.extend([9, 9]);
            assert_eq!(parse(&bytes).unwrap(), (text.to_owned(), length));
            assert!((0..length).all(|cut| parse(&bytes[..cut]).is_none()), "{text}");
        }
        assert!(parse(&[2, 0, 0, 0, 0, 0, 0, 5]).is_none() && parse(&[1, 16, 0, 0, 0, 0, 0, 5]).is_none());
        assert!(encode("S-1-").is_none() && encode("Administrators").is_none());
        assert_eq!(number("S-1-5-21-1-2-3-500"), Some(500));
        assert!(is_below("S-1-5-21-1-2-3-500", "S-1-5-21-1-2-3"));
        assert!(!is_below("S-1-5-21-1-2-33-500", "S-1-5-21-1-2-3"));
    }
}
