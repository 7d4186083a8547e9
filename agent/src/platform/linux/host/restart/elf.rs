//! Which libraries a program's file asks for: the DT_NEEDED entries of its dynamic section, elf(5).

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const DT_NEEDED: u64 = 1;
const DT_STRTAB: u64 = 5;

/// No file has more segments: linkers make a dozen.
const SEGMENTS_MAX: u16 = 256;

/// No dynamic section is longer: linkers make some fifty entries.
const DYNAMIC_BYTES_MAX: u64 = 64 * 1024;

/// No file name of a library is longer, NAME_MAX of limits.h.
const NAME_BYTES_MAX: usize = 256;

/// The file names in their order; empty for a program that stands alone.
pub(in crate::platform::linux) fn needed(file: &File) -> io::Result<Vec<String>> {
    let mut head = [0; 64];
    file.read_exact_at(&mut head, 0)?;
    if &head[..4] != b"\x7fELF" || !(1..=2).contains(&head[4]) || !(1..=2).contains(&head[5]) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no ELF file"));
    }
    let layout = Layout { wide: head[4] == 2, big_endian: head[5] == 2 };
    let (segments_at, size, count) = if layout.wide {
        (layout.number(&head, 32, 8), layout.number(&head, 54, 2), layout.number(&head, 56, 2))
    } else {
        (layout.number(&head, 28, 4), layout.number(&head, 42, 2), layout.number(&head, 44, 2))
    };
    let size = usize::try_from(size).unwrap_or(0);
    if size < 32 || count > u64::from(SEGMENTS_MAX) {
        return Ok(Vec::new());
    }
    let mut table = vec![0; size * usize::try_from(count).unwrap_or(0)];
    file.read_exact_at(&mut table, segments_at)?;
    let segments: Vec<Segment> = table.chunks_exact(size).map(|entry| layout.segment(entry)).collect();
    let Some(dynamic) = segments.iter().find(|segment| segment.kind == PT_DYNAMIC) else {
        return Ok(Vec::new());
    };
    let mut section = vec![0; usize::try_from(dynamic.bytes.min(DYNAMIC_BYTES_MAX)).unwrap_or(0)];
    file.read_exact_at(&mut section, dynamic.offset)?;
    let word = if layout.wide { 8 } else { 4 };
    let entries: Vec<(u64, u64)> = section
        .chunks_exact(2 * word)
        .map(|entry| (layout.number(entry, 0, word), layout.number(entry, word, word)))
        .take_while(|(tag, _)| *tag != 0)
        .collect();
    let strings = entries.iter().find(|(tag, _)| *tag == DT_STRTAB).map(|(_, address)| *address);
    // The table's address is one of memory; the segment that holds it says where it lies in the file.
    let holds = |segment: &&Segment, address: u64| {
        segment.kind == PT_LOAD
            && (segment.address..segment.address.saturating_add(segment.bytes)).contains(&address)
    };
    let Some((strings, segment)) =
        strings.and_then(|address| Some((address, segments.iter().find(|segment| holds(segment, address))?)))
    else {
        return Ok(Vec::new());
    };
    let table_at = segment.offset.saturating_add(strings - segment.address);
    let names = entries.iter().filter(|(tag, _)| *tag == DT_NEEDED);
    names.map(|(_, offset)| name_at(file, table_at.saturating_add(*offset))).collect()
}

fn name_at(file: &File, at: u64) -> io::Result<String> {
    let mut bytes = [0; NAME_BYTES_MAX];
    let count = file.read_at(&mut bytes, at)?;
    let name = bytes[..count].split(|byte| *byte == 0).next().unwrap_or_default();
    Ok(String::from_utf8_lossy(name).into_owned())
}

struct Segment {
    kind: u32,
    offset: u64,
    address: u64,
    /// In the file.
    bytes: u64,
}

/// How the file writes its numbers.
struct Layout {
    wide: bool,
    big_endian: bool,
}

impl Layout {
    /// The number of `width` bytes at `at`; 0 behind the end.
    fn number(&self, bytes: &[u8], at: usize, width: usize) -> u64 {
        let bytes = bytes.get(at..at + width).unwrap_or_default().iter();
        let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        if self.big_endian { bytes.fold(0, add) } else { bytes.rev().fold(0, add) }
    }

    fn segment(&self, entry: &[u8]) -> Segment {
        let kind = u32::try_from(self.number(entry, 0, 4)).unwrap_or(0);
        let (offset, address, bytes) = if self.wide {
            (self.number(entry, 8, 8), self.number(entry, 16, 8), self.number(entry, 32, 8))
        } else {
            (self.number(entry, 4, 4), self.number(entry, 8, 4), self.number(entry, 16, 4))
        };
        Segment { kind, offset, address, bytes }
    }
}

/// A file of our own that asks for `names`: head, two segments, dynamic section, names.
#[cfg(test)]
pub(super) fn sample(names: &[&str]) -> Vec<u8> {
    let section_at = 64 + 2 * 56;
    let strings_at = section_at + 16 * (names.len() + 2);
    let mut strings = vec![0];
    let mut section: Vec<[u64; 2]> = Vec::new();
    for name in names {
        section.push([DT_NEEDED, strings.len() as u64]);
        strings.extend(name.bytes().chain([0]));
    }
    section.extend([[DT_STRTAB, 0x1000 + strings_at as u64], [0, 0]]);
    let total = strings_at + strings.len();
    let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
    bytes.resize(64, 0);
    bytes[32] = 64;
    bytes[54] = 56;
    bytes[56] = 2;
    let load = [u64::from(PT_LOAD), 0, 0x1000, 0, total as u64, 0, 0];
    let size = 16 * section.len() as u64;
    let dynamic = [u64::from(PT_DYNAMIC), section_at as u64, 0, 0, size, 0, 0];
    let numbers = load.into_iter().chain(dynamic).chain(section.into_iter().flatten());
    bytes.extend(numbers.flat_map(u64::to_le_bytes));
    bytes.extend(strings);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_program_asks_for_its_libraries() {
        let needed = needed(&File::open("/proc/self/exe").unwrap()).unwrap();
        assert!(needed.iter().any(|name| name.starts_with("libc.")), "{needed:?}");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, sample(&["liba.so.1", "libb.so"])).unwrap();
        assert_eq!(super::needed(&File::open(path).unwrap()).unwrap(), ["liba.so.1", "libb.so"]);
    }

    #[test]
    fn a_damaged_file_never_panics() {
        let whole = sample(&["libc.so.6", "libssl.so.3"]);
        let folder = tempfile::tempdir().unwrap();
        let mut chance = fastrand::Rng::with_seed(21);
        for round in 0..500 {
            let mut bytes = whole.clone();
            for _ in 0..chance.usize(1..8) {
                let at = chance.usize(4..bytes.len());
                bytes[at] = chance.u8(..);
            }
            let path = folder.path().join(round.to_string());
            std::fs::write(&path, bytes).unwrap();
            let _ = needed(&File::open(path).unwrap());
        }
        assert!(needed(&File::open("/dev/null").unwrap()).is_err());
    }
}
