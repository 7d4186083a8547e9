//! Paragraphs of `Field: value` lines with an empty line between, deb822(5), streamed: a package list has 50 MB.

use std::io::{self, Read};

use memchr::{memchr, memmem};

/// The longest paragraph that is read; dpkg's longest, with thousands of configuration files, has some 100 kB.
const STANZA_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Read at once: what fits a core's own cache.
const CHUNK_BYTES: usize = 128 * 1024;

/// Calls `each` for every paragraph of `source`.
pub(super) fn for_each(source: impl Read, each: impl FnMut(&[u8])) -> io::Result<()> {
    split(source, b"\n\n", each)
}

/// Calls `each` for every part of `source` that `end` ends, and for what is left behind the last one.
pub(super) fn split(mut source: impl Read, end: &[u8], mut each: impl FnMut(&[u8])) -> io::Result<()> {
    let gap = memmem::Finder::new(end);
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut filled = 0;
    loop {
        if filled == buffer.len() {
            if buffer.len() >= STANZA_BYTES_MAX {
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, "a paragraph is longer than 8 MiB"));
            }
            buffer.resize(buffer.len() * 2, 0);
        }
        let count = match source.read(&mut buffer[filled..]) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        // The gap may lie across what was read before and now.
        let searched = filled.saturating_sub(end.len() - 1);
        filled += count;
        let mut start = 0;
        let mut from = searched;
        while let Some(at) = gap.find(&buffer[from..filled]) {
            let stop = from + at;
            if stop > start {
                each(&buffer[start..stop]);
            }
            start = stop + end.len();
            from = start;
        }
        if count == 0 {
            let last = buffer[start..filled].trim_ascii();
            if !last.is_empty() {
                each(last);
            }
            return Ok(());
        }
        buffer.copy_within(start..filled, 0);
        filled -= start;
    }
}

/// The fields of a paragraph, name and value; a value's continuation lines are left out.
pub(super) fn fields(stanza: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = stanza;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let end = memchr(b'\n', rest).unwrap_or(rest.len());
            let line = &rest[..end];
            rest = rest.get(end + 1..).unwrap_or_default();
            if matches!(line.first(), None | Some(b' ' | b'\t' | b'#')) {
                continue;
            }
            if let Some(colon) = memchr(b':', line) {
                return Some((&line[..colon], line[colon + 1..].trim_ascii()));
            }
        }
        None
    })
}

/// Bytes as text; what is no UTF-8 is replaced.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives `step` bytes at once.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    #[test]
    fn paragraphs_are_the_same_however_they_arrive() {
        let source = b"\n\nA: 1\nB: 2\n\n\n\nA: 3\n more\nB:4\n\nC: 5";
        for step in 1..20 {
            let mut seen = Vec::new();
            for_each(Slow(source, step), |stanza| seen.push(text(stanza.trim_ascii()))).unwrap();
            assert_eq!(seen, ["A: 1\nB: 2", "A: 3\n more\nB:4", "C: 5"], "{step} bytes at once");
        }
    }

    #[test]
    fn continuation_lines_are_no_fields() {
        let stanza = b"Package: x\nDescription: a\n Version: 9\nVersion: 1";
        let fields: Vec<_> = fields(stanza).map(|(name, value)| (text(name), text(value))).collect();
        assert_eq!(fields.len(), 3);
        assert_eq!(fields[2], ("Version".to_owned(), "1".to_owned()));
    }
}
