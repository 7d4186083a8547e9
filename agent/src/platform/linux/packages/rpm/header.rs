//! One package's header as the database keeps it: two counts, an index of 16-byte entries, a store of values.
//! The numbers are big-endian; rpm's file `docs/manual/format_header.md` describes them.

/// What we read of a header.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::platform::linux) struct Header {
    pub(in crate::platform::linux) name: String,
    pub(in crate::platform::linux) epoch: Option<u32>,
    pub(in crate::platform::linux) version: String,
    pub(in crate::platform::linux) release: String,
    pub(in crate::platform::linux) architecture: Option<String>,
    /// The file name of the source package.
    pub(in crate::platform::linux) source: Option<String>,
    /// The module stream that it was built for.
    pub(in crate::platform::linux) module: Option<String>,
}

const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const EPOCH: u32 = 1003;
const ARCH: u32 = 1022;
const SOURCERPM: u32 = 1044;
const MODULARITYLABEL: u32 = 5096;

const TYPE_INT32: u32 = 4;
const TYPE_STRING: u32 = 6;

/// rpm's own limit.
const INDEX_ENTRIES_MAX: usize = 0xffff;

impl Header {
    /// `None`: this is no header, or it lacks what every package has.
    pub(super) fn parse(blob: &[u8]) -> Option<Self> {
        let number = |at: usize| -> Option<u32> {
            Some(u32::from_be_bytes(blob.get(at..at.checked_add(4)?)?.try_into().ok()?))
        };
        let entries = usize::try_from(number(0)?).ok()?;
        let length = usize::try_from(number(4)?).ok()?;
        if entries == 0 || entries > INDEX_ENTRIES_MAX {
            return None;
        }
        let store_at = 8 + entries * 16;
        let store = blob.get(store_at..store_at.checked_add(length)?)?;
        let mut header = Header::default();
        for entry in (8..store_at).step_by(16) {
            let (tag, kind) = (number(entry)?, number(entry + 4)?);
            let offset = usize::try_from(number(entry + 8)?).ok()?;
            let text = || {
                let value = store.get(offset..).filter(|_| kind == TYPE_STRING)?;
                let end = memchr::memchr(0, value)?;
                Some(String::from_utf8_lossy(&value[..end]).into_owned())
            };
            match tag {
                NAME => header.name = text()?,
                VERSION => header.version = text()?,
                RELEASE => header.release = text()?,
                ARCH => header.architecture = text(),
                SOURCERPM => header.source = text(),
                MODULARITYLABEL => header.module = text().filter(|label| !label.is_empty()),
                EPOCH if kind == TYPE_INT32 => {
                    let bytes = store.get(offset..offset.checked_add(4)?)?;
                    header.epoch = Some(u32::from_be_bytes(bytes.try_into().ok()?));
                }
                _ => {}
            }
        }
        let complete = !header.name.is_empty() && !header.version.is_empty() && !header.release.is_empty();
        complete.then_some(header)
    }

    /// `[epoch:]version-release`; an epoch of 0 is not written.
    pub(in crate::platform::linux) fn label(&self) -> String {
        match self.epoch {
            None | Some(0) => format!("{}-{}", self.version, self.release),
            Some(epoch) => format!("{epoch}:{}-{}", self.version, self.release),
        }
    }
}
