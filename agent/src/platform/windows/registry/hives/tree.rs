//! The keys and values of one hive (regf 1.3 to 1.6), found by their paths.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::base::{number, short};
use super::pages::Pages;
use super::value;

/// The longest path: Windows has 512 levels at most.
const LEVELS_MAX: usize = 512;

/// The most keys below one key: a crowded one of Windows has 40 000.
const KEYS_MAX: usize = 200_000;

/// The most lists in a list of lists.
const LISTS_MAX: usize = 4096;

/// The longest cell that is no data: a list of 65 535 keys.
const LIST_BYTES_MAX: usize = 4 + 8 * 65_536;

/// The longest cell of a key or a value: what it says of itself, and a name.
const RECORD_BYTES_MAX: usize = 76 + 65_536;

/// How many keys have their children remembered, if they are no more than [`REMEMBERED_KEYS_MAX`].
const REMEMBERED_MAX: usize = 16;
const REMEMBERED_KEYS_MAX: usize = 10_000;

/// The names in a hive have their case folded; so do we.
pub(super) fn folded(name: &str) -> String {
    name.to_lowercase()
}

/// A key that was found.
#[derive(Clone, Copy)]
pub(super) struct Node {
    at: u32,
    /// `FILETIME`.
    pub(super) written: u64,
    keys: u32,
    list: u32,
    pub(super) values: u32,
    pub(super) values_list: u32,
}

/// The keys below a key.
pub(super) struct Children {
    pub(super) names: Vec<String>,
    places: HashMap<String, u32>,
    /// What could not be read: a name that is not here may be among it.
    pub(super) faults: Vec<String>,
}

/// A hive.
pub(super) struct Tree {
    pub(super) pages: Pages,
    root: u32,
    /// Whether long data is cut into segments (regf 1.4 and later).
    pub(super) has_segments: bool,
    remembered: Mutex<VecDeque<(u32, Arc<Children>)>>,
}

/// A key and those above it, from the root on.
pub(super) struct Found {
    pub(super) node: Node,
    above: Vec<u32>,
}

/// What cannot be understood, and where it is.
pub(super) fn damaged(what: &str, at: u32) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{what} at {at:#x} is damaged"))
}

impl Tree {
    pub(super) fn new(pages: Pages, root: u32, minor: u32) -> Self {
        Tree { pages, root, has_segments: minor >= 4, remembered: Mutex::default() }
    }

    /// What a cell holds, at most so many bytes of it. The error names `what`.
    pub(super) fn cell(&self, at: u32, most: usize, what: &str) -> io::Result<Vec<u8>> {
        let wrong = || damaged(what, at);
        if !at.is_multiple_of(8) {
            return Err(wrong());
        }
        let head = self.pages.read(at, 4)?.and_then(|head| number(&head, 0)).ok_or_else(wrong)?;
        // A cell in use has a negative size.
        let size = head.cast_signed();
        let whole = size.unsigned_abs();
        let beyond = at.checked_add(whole).is_none_or(|end| end > self.pages.length);
        if size >= 0 || whole < 8 || beyond {
            return Err(wrong());
        }
        let count = (whole as usize - 4).min(most);
        self.pages.read(at + 4, count)?.ok_or_else(wrong)
    }

    fn node(&self, at: u32) -> io::Result<(Node, Vec<u8>)> {
        let bytes = self.cell(at, RECORD_BYTES_MAX, "a key")?;
        let field = |place| number(&bytes, place).ok_or_else(|| damaged("a key", at));
        if !bytes.starts_with(b"nk") {
            return Err(damaged("a key", at));
        }
        let node = Node {
            at,
            written: u64::from(field(8)?) << 32 | u64::from(field(4)?),
            keys: field(20)?,
            list: field(28)?,
            values: field(36)?,
            values_list: field(40)?,
        };
        Ok((node, bytes))
    }

    fn named(&self, at: u32) -> io::Result<String> {
        let (_, bytes) = self.node(at)?;
        let wrong = || damaged("a key", at);
        let narrow = short(&bytes, 2).ok_or_else(wrong)? & 0x20 != 0;
        let length = usize::from(short(&bytes, 72).ok_or_else(wrong)?);
        let name = value::spelled(bytes.get(76..76 + length).ok_or_else(wrong)?, narrow);
        // Such a name could not be told from a path; Windows makes none.
        if name.is_empty() || name.contains('\\') {
            return Err(wrong());
        }
        Ok(name)
    }

    /// The key at a path; `None`: there is no such key.
    pub(super) fn find(&self, path: &str) -> io::Result<Option<Found>> {
        let mut found = Found { node: self.node(self.root)?.0, above: Vec::new() };
        for name in path.split('\\').filter(|name| !name.is_empty()) {
            let children = self.children(&found)?;
            let Some(place) = children.places.get(&folded(name)).copied() else {
                return match children.faults.first() {
                    None => Ok(None),
                    Some(fault) => Err(io::Error::new(io::ErrorKind::InvalidData, fault.clone())),
                };
            };
            found.above.push(found.node.at);
            if found.above.len() > LEVELS_MAX {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "it lies deeper than 512 keys"));
            }
            found.node = self.node(place)?.0;
        }
        Ok(Some(found))
    }

    /// The keys below a key.
    pub(super) fn children(&self, found: &Found) -> io::Result<Arc<Children>> {
        let at = found.node.at;
        let remembered = || self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        {
            // What was asked for last stays longest: the keys above those that are asked for one after the other.
            let mut remembered = remembered();
            if let Some(place) = remembered.iter().position(|(key, _)| *key == at)
                && let Some(known) = remembered.remove(place)
            {
                let children = known.1.clone();
                remembered.push_back(known);
                return Ok(children);
            }
        }
        let children = Arc::new(self.read_children(found)?);
        if children.names.len() <= REMEMBERED_KEYS_MAX {
            let mut remembered = remembered();
            if remembered.len() >= REMEMBERED_MAX {
                remembered.pop_front();
            }
            remembered.push_back((at, children.clone()));
        }
        Ok(children)
    }

    fn read_children(&self, found: &Found) -> io::Result<Children> {
        let mut children = Children { names: Vec::new(), places: HashMap::new(), faults: Vec::new() };
        if found.node.keys == 0 {
            return Ok(children);
        }
        let places = self.listed(&found.node, &mut children.faults)?;
        // A key cannot lie in itself: such a hive would have no end.
        let mut seen: HashSet<u32> = found.above.iter().copied().chain([found.node.at]).collect();
        for place in places {
            let named =
                if seen.insert(place) { self.named(place) } else { Err(damaged("a list of keys", place)) };
            match named {
                Ok(name) => match children.places.entry(folded(&name)) {
                    std::collections::hash_map::Entry::Occupied(_) => {
                        children.faults.push(format!("the key {name} is there twice"));
                    }
                    std::collections::hash_map::Entry::Vacant(free) => {
                        free.insert(place);
                        children.names.push(name);
                    }
                },
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    children.faults.push(error.to_string());
                }
                Err(error) => return Err(error),
            }
            bound(&mut children.faults);
        }
        let counted = u32::try_from(children.names.len()).unwrap_or(u32::MAX);
        if children.faults.is_empty() && counted != found.node.keys {
            children.faults.push(format!("it says it has {} keys and has {counted}", found.node.keys));
        }
        Ok(children)
    }

    /// Where the keys of a key's list lie.
    fn listed(&self, node: &Node, faults: &mut Vec<String>) -> io::Result<Vec<u32>> {
        let mut places = Vec::new();
        let mut leaves = VecDeque::from([node.list]);
        let mut is_first = true;
        while let Some(leaf) = leaves.pop_front() {
            let bytes = match self.cell(leaf, LIST_BYTES_MAX, "a list of keys") {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    faults.push(error.to_string());
                    bound(faults);
                    continue;
                }
                Err(error) => return Err(error),
            };
            let width = match bytes.get(..2) {
                Some(b"lf" | b"lh") => Some(8),
                Some(b"li") => Some(4),
                // A list of lists stands at the top and nowhere else.
                Some(b"ri") if is_first => Some(4),
                _ => None,
            };
            let count = usize::from(short(&bytes, 2).unwrap_or_default());
            let is_root = bytes.starts_with(b"ri");
            is_first = false;
            let entries = width.and_then(|width| Some((width, bytes.get(4..4 + width * count)?)));
            let Some((width, entries)) = entries else {
                faults.push(damaged("a list of keys", leaf).to_string());
                bound(faults);
                continue;
            };
            let mut entries = entries.chunks_exact(width).filter_map(|entry| number(entry, 0));
            if is_root {
                let mut seen = HashSet::new();
                leaves.extend(entries.by_ref().filter(|leaf| seen.insert(*leaf)).take(LISTS_MAX));
            } else {
                places.extend(entries.by_ref().take(KEYS_MAX - places.len()));
            }
            if entries.next().is_some() || (is_root && leaves.len() != count) {
                faults.push(damaged("a list of keys", leaf).to_string());
                bound(faults);
            }
        }
        Ok(places)
    }
}

/// A hive that is broken everywhere is told of by its first faults.
pub(super) fn bound(faults: &mut Vec<String>) {
    const FAULTS_MAX: usize = 10;
    faults.truncate(FAULTS_MAX);
}
