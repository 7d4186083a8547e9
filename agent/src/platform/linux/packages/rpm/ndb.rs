//! NDB, the format of SUSE: pages of slots, each of which points at a blob. Little-endian; rpm's lib/backend/ndb.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use super::{bytes_at, damaged};

const HEADER_MAGIC: &[u8; 4] = b"RpmP";
const SLOT_MAGIC: &[u8; 4] = b"Slot";
const BLOB_MAGIC: &[u8; 4] = b"BlbS";
const PAGE_BYTES: usize = 4096;
const SLOT_BYTES: usize = 16;
const BLOCK_BYTES: u64 = 16;

/// rpm's own limit of slot pages is lower; half a million packages are none of this world.
const SLOT_PAGES_MAX: u32 = 2048;

/// No header is larger: rpm refuses one of more than 256 MiB, the kernel's has some 1 MiB.
const BLOB_BYTES_MAX: u32 = 64 * 1024 * 1024;

/// Gives out each package's header.
pub(super) fn read(file: &File, _log: Option<&File>, each: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    let mut head = [0; 32];
    file.read_exact_at(&mut head, 0)?;
    let pages = u32::from_le_bytes(bytes_at(&head, 12)?);
    if &head[..4] != HEADER_MAGIC || bytes_at(&head, 4)? != [0; 4] {
        return Err(damaged("it does not begin as an NDB of version 0 does"));
    }
    if pages == 0 || pages > SLOT_PAGES_MAX {
        return Err(damaged("its number of slot pages is not possible"));
    }
    let mut page = [0; PAGE_BYTES];
    let mut blob = Vec::new();
    // Headers share no bytes: slots that point at one blob again and again would make gigabytes out of kilobytes.
    let mut left = file.metadata()?.len();
    for number in 0..u64::from(pages) {
        file.read_exact_at(&mut page, number * PAGE_BYTES as u64)?;
        // The header takes the place of the first two slots.
        let skipped = if number == 0 { 2 } else { 0 };
        for slot in page.chunks_exact(SLOT_BYTES).skip(skipped) {
            if &slot[..4] != SLOT_MAGIC {
                return Err(damaged("a slot does not begin as slots do"));
            }
            let package: [u8; 4] = bytes_at(slot, 4)?;
            if package == [0; 4] {
                continue;
            }
            let offset = u64::from(u32::from_le_bytes(bytes_at(slot, 8)?)) * BLOCK_BYTES;
            let mut blob_head = [0; 16];
            file.read_exact_at(&mut blob_head, offset)?;
            if &blob_head[..4] != BLOB_MAGIC || bytes_at(&blob_head, 4)? != package {
                return Err(damaged("a slot points at what is not its package"));
            }
            let length = u32::from_le_bytes(bytes_at(&blob_head, 12)?);
            if length > BLOB_BYTES_MAX {
                return Err(damaged("a header is longer than can be"));
            }
            left = left
                .checked_sub(u64::from(length))
                .ok_or_else(|| damaged("its headers are longer than the file"))?;
            blob.resize(length as usize, 0);
            file.read_exact_at(&mut blob, offset + 16)?;
            each(&blob);
        }
    }
    Ok(())
}
