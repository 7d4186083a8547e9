//! The first block of a hive or of its log: what the whole is, and whether the last writing of it came to its end.

/// How much of the block says anything.
pub(super) const BYTES: usize = 512;

/// The first block, as far as it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Base {
    /// Counted up when a writing begins.
    pub(super) begun: u32,
    /// Made equal to it when the writing has ended.
    pub(super) ended: u32,
    /// When the hive was last written (`FILETIME`), 0 in later versions of Windows.
    pub(super) written: u64,
    /// The second part of the version, 3 to 6.
    pub(super) minor: u32,
    pub(super) kind: Kind,
    /// Where the root lies.
    pub(super) root: u32,
    /// How many bytes of bins there are.
    pub(super) bins_bytes: u32,
    /// Whether the sum over the block is the one that it says.
    pub(super) is_sound: bool,
}

/// What a file with such a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Hive,
    /// A log with one set of pages (until Windows 8).
    OldLog,
    /// A log with entries (since Windows 8.1).
    NewLog,
    Other,
}

/// Understands a first block; `None`: it is none, or too short.
pub(super) fn parse(bytes: &[u8]) -> Option<Base> {
    let block = bytes.get(..BYTES).filter(|block| block.starts_with(b"regf"))?;
    let kind = match number(block, 28)? {
        0 => Kind::Hive,
        // 2 is what Windows 2000 and XP write.
        1 | 2 => Kind::OldLog,
        6 => Kind::NewLog,
        _ => Kind::Other,
    };
    Some(Base {
        begun: number(block, 4)?,
        ended: number(block, 8)?,
        written: u64::from(number(block, 16)?) << 32 | u64::from(number(block, 12)?),
        minor: number(block, 24)?,
        kind,
        root: number(block, 36)?,
        bins_bytes: number(block, 40)?,
        is_sound: number(block, 508)? == sum(&block[..508]),
    })
}

impl Base {
    /// Whether the last writing came to its end.
    pub(super) fn is_clean(&self) -> bool {
        self.begun == self.ended
    }
}

fn sum(bytes: &[u8]) -> u32 {
    let words = bytes.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
    match words.fold(0, |sum, word| sum ^ word) {
        // Neither of the two is ever written: an empty sector must not have a right sum.
        0 => 1,
        u32::MAX => u32::MAX - 1,
        sum => sum,
    }
}

/// A number of 32 bits at this place.
pub(super) fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(four.try_into().ok()?))
}

/// A number of 16 bits at this place.
pub(super) fn short(bytes: &[u8], at: usize) -> Option<u16> {
    let two = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_le_bytes(two.try_into().ok()?))
}
