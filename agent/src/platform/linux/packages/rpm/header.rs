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
    /// When it was installed, in seconds since 1970.
    pub(in crate::platform::linux) installed_at: Option<u32>,
    /// Its files below /opt and /usr/local.
    pub(in crate::platform::linux) outside: Vec<String>,
}

const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const EPOCH: u32 = 1003;
const INSTALLTIME: u32 = 1008;
const ARCH: u32 = 1022;
const SOURCERPM: u32 = 1044;
const DIRINDEXES: u32 = 1116;
const BASENAMES: u32 = 1117;
const DIRNAMES: u32 = 1118;
const MODULARITYLABEL: u32 = 5096;

const TYPE_INT32: u32 = 4;
const TYPE_STRING: u32 = 6;
const TYPE_STRINGS: u32 = 8;

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
        let mut files = Files::default();
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
                DIRINDEXES if kind == TYPE_INT32 => files.indexes = store.get(offset..)?,
                BASENAMES if kind == TYPE_STRINGS => {
                    files.names = store.get(offset..)?;
                    files.count = usize::try_from(number(entry + 12)?).ok()?;
                }
                DIRNAMES if kind == TYPE_STRINGS => {
                    files.folders = store.get(offset..)?;
                    files.folder_count = usize::try_from(number(entry + 12)?).ok()?;
                }
                EPOCH | INSTALLTIME if kind == TYPE_INT32 => {
                    let bytes = store.get(offset..offset.checked_add(4)?)?;
                    let number = Some(u32::from_be_bytes(bytes.try_into().ok()?));
                    if tag == EPOCH {
                        header.epoch = number;
                    } else {
                        header.installed_at = number;
                    }
                }
                _ => {}
            }
        }
        header.outside = files.outside();
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

/// The lists of files: of each its name and the number of its folder.
#[derive(Default)]
struct Files<'a> {
    indexes: &'a [u8],
    names: &'a [u8],
    count: usize,
    folders: &'a [u8],
    folder_count: usize,
}

impl Files<'_> {
    /// Few packages have any such file: the folders are looked at first.
    fn outside(&self) -> Vec<String> {
        let folders: Vec<&[u8]> = self.folders.split(|byte| *byte == 0).take(self.folder_count).collect();
        let is_outside = |folder: &[u8]| folder.starts_with(b"/opt/") || folder.starts_with(b"/usr/local/");
        if !folders.iter().any(|folder| is_outside(folder)) {
            return Vec::new();
        }
        let names = self.names.split(|byte| *byte == 0);
        let indexes =
            self.indexes.chunks_exact(4).map(|four| u32::from_be_bytes([four[0], four[1], four[2], four[3]]));
        let mut outside = Vec::new();
        for (name, index) in names.zip(indexes).take(self.count) {
            let Some(folder) = folders.get(index as usize).filter(|folder| is_outside(folder)) else {
                continue;
            };
            outside.push(String::from_utf8_lossy(&[folder, name].concat()).into_owned());
        }
        outside
    }
}
