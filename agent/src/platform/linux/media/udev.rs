//! udev's records of a device (`/run/udev/data`): what blkid and libmtp found, when it was first seen. Pure.

/// What a record says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) filesystem_uuid: Option<String>,
    pub(super) label: Option<String>,
    /// `ID_FS_USAGE` is `filesystem`, not an encrypted or otherwise packed one.
    pub(super) is_filesystem: bool,
    pub(super) is_player: bool,
    /// A disc lies in the drive.
    pub(super) has_disc: bool,
    /// Microseconds of the running system when udev was done with it.
    pub(super) initialized_us: Option<i64>,
}

/// Parses one file of `/run/udev/data`.
pub(super) fn parse(text: &str) -> Record {
    let mut record = Record::default();
    let mut plain_label = None;
    for line in text.lines() {
        if let Some(microseconds) = line.strip_prefix("I:") {
            record.initialized_us = microseconds.parse().ok();
        }
        let Some((key, value)) = line.strip_prefix("E:").and_then(|line| line.split_once('=')) else {
            continue;
        };
        let filled = || Some(value.to_owned()).filter(|value| !value.is_empty());
        match key {
            "ID_FS_UUID" => record.filesystem_uuid = filled(),
            "ID_FS_LABEL" => plain_label = filled(),
            "ID_FS_LABEL_ENC" => record.label = filled().map(|label| unescaped(&label)),
            "ID_FS_USAGE" => record.is_filesystem = value == "filesystem",
            "ID_MTP_DEVICE" | "ID_MEDIA_PLAYER" | "ID_GPHOTO2" => record.is_player = value != "0",
            "ID_CDROM_MEDIA" => record.has_disc = value == "1",
            _ => {}
        }
    }
    // The plain one has its blanks and all that is not ASCII replaced.
    record.label = record.label.or(plain_label);
    record
}

/// `\x20` as udev writes it, in labels and in the names of `/dev/disk/by-label`.
pub(super) fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = match rest {
            [b'\\', b'x', high, low, ..] => hexadecimal(*high).zip(hexadecimal(*low)),
            _ => None,
        };
        if let Some((high, low)) = escaped {
            bytes.push(high << 4 | low);
            rest = &rest[4..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).trim().to_owned()
}

fn hexadecimal(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_as_they_were_written() {
        let text = "S:disk/by-label/x\nI:1234\nE:ID_FS_LABEL=______\nE:ID_FS_LABEL_ENC=\\xe5\\xa4\\x96\\xe7\\xa7\\x91\\x20USB\nE:ID_FS_UUID=1A2B-3C4D\nE:ID_FS_USAGE=filesystem\n";
        let record = parse(text);
        assert_eq!(record.label.as_deref(), Some("外科 USB"));
        assert_eq!(record.filesystem_uuid.as_deref(), Some("1A2B-3C4D"));
        assert_eq!((record.is_filesystem, record.initialized_us), (true, Some(1234)));
        assert_eq!(unescaped("a\\xg1\\x"), "a\\xg1\\x");
    }
}
