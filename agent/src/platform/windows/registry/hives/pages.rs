//! The bytes of a hive file, read where they are asked for: a hive of 100 MB costs no more memory than one of 1 MB.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

/// How much is read at once: four of the smallest bins, a few hundred keys.
const BLOCK_BYTES: usize = 16 * 1024;

/// How many blocks are kept: 2 MiB. A key, its values and its neighbours lie in a few of them.
const BLOCKS_MAX: usize = 128;

/// A page of a log: the unit in which a hive is mended.
pub(super) const PAGE_BYTES: usize = 512;

/// The first block of the file, which is not part of what cells are counted in.
pub(super) const BASE_BYTES: u64 = 4096;

/// The pages that logs hold in place of the file's own, by their number.
#[derive(Default)]
pub(super) struct Mended {
    /// The logs as they were read.
    pub(super) logs: Vec<Vec<u8>>,
    /// Which log, and where in it the page lies.
    pub(super) pages: BTreeMap<u32, (usize, usize)>,
}

impl Mended {
    fn page(&self, number: u32) -> Option<&[u8]> {
        let (log, at) = self.pages.get(&number)?;
        self.logs.get(*log)?.get(*at..at.checked_add(PAGE_BYTES)?)
    }
}

/// The bins of a hive, as one row of bytes.
pub(super) struct Pages {
    file: Mutex<Held>,
    mended: Mended,
    /// How many bytes there are; what the file has not is zero.
    pub(super) length: u32,
}

struct Held {
    file: File,
    blocks: HashMap<usize, Arc<[u8]>>,
    /// The oldest first.
    order: VecDeque<usize>,
}

impl Pages {
    pub(super) fn new(file: File, mended: Mended, length: u32) -> Self {
        let file = Mutex::new(Held { file, blocks: HashMap::new(), order: VecDeque::new() });
        Pages { file, mended, length }
    }

    /// So many bytes from here; `None`: some of them lie beyond the end.
    pub(super) fn read(&self, at: u32, count: usize) -> io::Result<Option<Vec<u8>>> {
        let (mut at, mut left) = (at as usize, count);
        if at.checked_add(left).is_none_or(|end| end > self.length as usize) {
            return Ok(None);
        }
        let mut held = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = Vec::with_capacity(left);
        while left > 0 {
            let block = self.block(&mut held, at / BLOCK_BYTES)?;
            let from = at % BLOCK_BYTES;
            let part = left.min(BLOCK_BYTES - from);
            bytes.extend_from_slice(&block[from..from + part]);
            (at, left) = (at + part, left - part);
        }
        Ok(Some(bytes))
    }

    fn block(&self, held: &mut Held, number: usize) -> io::Result<Arc<[u8]>> {
        if let Some(block) = held.blocks.get(&number) {
            return Ok(block.clone());
        }
        let mut block = Vec::with_capacity(BLOCK_BYTES);
        held.file.seek(SeekFrom::Start(BASE_BYTES + (number * BLOCK_BYTES) as u64))?;
        (&held.file).take(BLOCK_BYTES as u64).read_to_end(&mut block)?;
        block.resize(BLOCK_BYTES, 0);
        for (index, page) in block.chunks_exact_mut(PAGE_BYTES).enumerate() {
            let number = u32::try_from(number * (BLOCK_BYTES / PAGE_BYTES) + index).unwrap_or(u32::MAX);
            if let Some(mended) = self.mended.page(number) {
                page.copy_from_slice(mended);
            }
        }
        if held.order.len() >= BLOCKS_MAX
            && let Some(oldest) = held.order.pop_front()
        {
            held.blocks.remove(&oldest);
        }
        let block: Arc<[u8]> = block.into();
        held.order.push_back(number);
        held.blocks.insert(number, block.clone());
        Ok(block)
    }
}
