//! What is mounted where, from mountinfo (proc_pid_mountinfo(5)). Pure.

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// `MAJOR:MINOR` of the filesystem's device; btrfs and some others make one up.
    pub(super) device: String,
    pub(super) point: String,
    pub(super) source: String,
}

/// Parses `/proc/self/mountinfo`. Lines that are no mounts are passed over: the kernel wrote none.
pub(super) fn parse(text: &str) -> Vec<Mount> {
    let mounts = text.lines().filter_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        let mut left = left.split(' ').skip(2);
        let (device, point) = (left.next()?, left.nth(1)?);
        let source = right.split(' ').nth(1).unwrap_or_default();
        Some(Mount { device: device.to_owned(), point: unescaped(point), source: unescaped(source) })
    });
    mounts.collect()
}

/// Blanks, tabs, newlines, `#` and backslashes are written as three octal digits.
fn unescaped(field: &str) -> String {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field.as_bytes();
    while let [first, after @ ..] = rest {
        match rest {
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..] => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_are_read_with_their_blanks_and_optional_fields() {
        let text = "36 35 8:17 / /media/tanaka/MY\\040USB\\134x rw,noatime shared:1 master:7 - vfat /dev/sdb1 rw\n\
                    37 35 0:45 / /mnt rw - btrfs /dev/mapper/luks-1 rw\nbroken\n38 35 8:1 / /x rw - ext4\n";
        let mounts = parse(text);
        assert_eq!(mounts[0].point, "/media/tanaka/MY USB\\x");
        assert_eq!(mounts[0].device, "8:17");
        assert_eq!(mounts[1].source, "/dev/mapper/luks-1");
        assert_eq!(mounts[2].source, "");
        assert_eq!(mounts.len(), 3);
    }
}
