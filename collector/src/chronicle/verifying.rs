//! Proves that nothing of the log was altered or removed, or says where it was: the chain line by line, then the shelves
//! against what the log says of them. Offline, and without trust in what is looked at.
//!
//! Who holds the data folder and rewrites everything from some entry on makes a chain that fits: only an anchor that was
//! noted elsewhere (`--head`), or a file that was exported before, finds that.

use daicho_rules::text::Text;
use jiff::Timestamp;

use super::{Because, Digest, Entry, HEAD, Head, Standing, What};
use crate::shelves::Shelves;
use crate::store::StoreError;

mod shelves;

/// Breaks that are told one by one: where the first is, the rest often follows.
const BREAKS_TOLD_MAX: usize = 20;

/// Lines that are read at once.
const PAGE: usize = 1_000;

/// A place where the log is not what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Break {
    /// The entry's number; `None`: it is no single entry's.
    pub number: Option<u64>,
    /// The entry's time, as far as it can be read.
    pub at: Option<Timestamp>,
    /// What was expected, and what is there.
    pub what: Text,
}

/// What was noted elsewhere of the log's end at some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The newest entry's number then.
    pub number: u64,
    /// The first hexadecimal digits of the SHA-256 of its line.
    pub digits: String,
}

/// Fewer digits of a hash than these are no proof.
const ANCHOR_DIGITS_MIN: usize = 8;

impl std::str::FromStr for Anchor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected =
            || format!("{text:?} is no end of a log: expected NUMBER:HASH, as `daicho status` shows it");
        let (number, digits) = text.trim().split_once(':').ok_or_else(expected)?;
        let number = number.parse().map_err(|_| expected())?;
        let digits = digits.to_ascii_lowercase();
        let is_hash = (ANCHOR_DIGITS_MIN..=64).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_hash { Ok(Anchor { number, digits }) } else { Err(expected()) }
    }
}

/// What a look at a log found.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Entries that were read.
    pub entries: u64,
    /// When the first and the last of them were written.
    pub span: Option<(Timestamp, Timestamp)>,
    /// The end that was found.
    pub head: Option<Head>,
    /// Why it begins where it begins.
    pub because: Option<Because>,
    /// The noted ends that were found in it.
    pub anchors: Vec<Anchor>,
    /// Entries that were written and are not in the chain yet.
    pub waiting: usize,
    /// What of the shelves was compared with the log; `None`: an exported file has no shelves.
    pub compared: Option<Compared>,
    /// Where it is not what it was, the first [`BREAKS_TOLD_MAX`] of them.
    pub breaks: Vec<Break>,
    /// How many more there are.
    pub more: usize,
}

/// What of the shelves was compared with the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// Violations.
    pub violations: usize,
    /// Steps of their histories.
    pub steps: usize,
    /// Versions of the ledger, with their contents.
    pub ledgers: usize,
    /// Devices with what the rules say of them.
    pub devices: usize,
    /// People with their roles.
    pub people: usize,
    /// Enrolled machines, with those that are welcome no longer.
    pub endpoints: usize,
    /// Applications.
    pub applications: usize,
    /// The officer's approvals of rows.
    pub approvals: usize,
}

impl Verdict {
    /// Whether nothing was found.
    pub fn is_sound(&self) -> bool {
        self.breaks.is_empty()
    }

    fn broken(&mut self, number: Option<u64>, at: Option<Timestamp>, ja: String, en: String) {
        if self.breaks.len() == BREAKS_TOLD_MAX {
            self.more += 1;
        } else {
            self.breaks.push(Break { number, at, what: Text::new(ja, en) });
        }
    }
}

/// Follows a chain line by line.
struct Chain<'a> {
    verdict: Verdict,
    standing: Standing,
    end: Head,
    anchors: &'a [Anchor],
}

impl<'a> Chain<'a> {
    fn new(anchors: &'a [Anchor]) -> Self {
        Chain { verdict: Verdict::default(), standing: Standing::default(), end: Head::NONE, anchors }
    }

    /// Takes a line; `place` is where it lies, which is its number or its line in a file.
    fn line(&mut self, place: u64, line: &[u8]) {
        let expected = self.end.number + 1;
        let hash = Digest::of(line);
        self.verdict.entries += 1;
        let entry = match Entry::parse(line) {
            Ok(entry) => entry,
            Err(reason) => {
                let (ja, en) = (
                    format!("{place}番目の項目を読み取れません（{reason}）。書き換えられています。"),
                    format!("entry {place} cannot be read ({reason}): it was altered"),
                );
                self.verdict.broken(Some(place), None, ja, en);
                self.end = Head { number: expected, hash };
                return;
            }
        };
        let at = Some(entry.at);
        if entry.number != expected || place != expected {
            let found = entry.number;
            let (ja, en) = (
                format!(
                    "番号{expected}の項目があるはずの場所に番号{found}の項目があります。削除・挿入・入れ替えのどれかです。"
                ),
                format!(
                    "entry {expected} is expected here and entry {found} is here: something was removed, inserted or moved"
                ),
            );
            self.verdict.broken(Some(expected), at, ja, en);
        }
        if entry.previous != self.end.hash {
            let before = self.end.number;
            let (ja, en) = (
                format!(
                    "番号{}の項目が前の項目として指す値は{}…ですが、番号{before}の項目の値は{}…です。番号{before}の項目が書き換えられたか、この項目が後から入れられました。",
                    entry.number,
                    short(entry.previous),
                    short(self.end.hash)
                ),
                format!(
                    "entry {} names {}… as the line before it, but entry {before} is {}…: entry {before} was altered, or this one was put in later",
                    entry.number,
                    short(entry.previous),
                    short(self.end.hash)
                ),
            );
            self.verdict.broken(Some(entry.number), at, ja, en);
        }
        if let What::Begun { because, .. } = &entry.what {
            match because {
                Because::LogLost => {
                    let ja =
                        "ここより前の記録簿が失われています。それ以前のことは証明できません。".to_owned();
                    let en = "the log before this entry is gone; nothing before it can be proved".to_owned();
                    self.verdict.broken(Some(entry.number), at, ja, en);
                }
                Because::NewStore | Because::OlderStore => {}
            }
            self.verdict.because.get_or_insert(*because);
        }
        for anchor in self.anchors.iter().filter(|anchor| anchor.number == entry.number) {
            if hash.to_string().starts_with(&anchor.digits) {
                self.verdict.anchors.push(anchor.clone());
            } else {
                let (ja, en) = (
                    format!(
                        "番号{}の項目の値は{}…ですが、控えは{}です。それより前のどこかから書き直されています。",
                        anchor.number,
                        short(hash),
                        anchor.digits
                    ),
                    format!(
                        "entry {} is {}…, and what was noted of it is {}: the log was written anew from somewhere before it",
                        anchor.number,
                        short(hash),
                        anchor.digits
                    ),
                );
                self.verdict.broken(Some(anchor.number), at, ja, en);
            }
        }
        self.verdict.span = Some(match self.verdict.span {
            None => (entry.at, entry.at),
            Some((first, _)) => (first, entry.at),
        });
        self.standing.take(&entry);
        self.end = Head { number: entry.number.max(expected), hash };
    }

    /// Compares the end with what is written of it.
    fn end(&mut self, told: Option<Head>) {
        self.verdict.head = Some(self.end);
        match told {
            Some(told) if told == self.end => {}
            Some(told) => {
                let (ja, en) = (
                    format!(
                        "記録簿の末尾は{}のはずですが、{}で終わっています。末尾が切り取られたか、書き換えられています。",
                        told.anchor(),
                        self.end.anchor()
                    ),
                    format!(
                        "the log should end with {} and ends with {}: its end was cut off or altered",
                        told.anchor(),
                        self.end.anchor()
                    ),
                );
                self.verdict.broken(Some(told.number), None, ja, en);
            }
            None => {
                let ja = "記録簿の末尾を示す行がありません。末尾が切り取られています。".to_owned();
                let en = "the line that names the log's end is missing: its end was cut off".to_owned();
                self.verdict.broken(None, None, ja, en);
            }
        }
        for anchor in
            self.anchors.iter().filter(|anchor| anchor.number > self.end.number || anchor.number == 0)
        {
            let (ja, en) = (
                format!(
                    "控えには番号{}の項目がありますが、記録簿は番号{}で終わっています。末尾が切り取られています。",
                    anchor.number, self.end.number
                ),
                format!(
                    "entry {} was noted, and the log ends with entry {}: its end was cut off",
                    anchor.number, self.end.number
                ),
            );
            self.verdict.broken(Some(anchor.number), None, ja, en);
        }
    }
}

fn short(digest: Digest) -> String {
    digest.to_string().chars().take(12).collect()
}

/// The last line of an exported log: how many entries come before it, and the SHA-256 of the last of them.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastLine {
    /// The number of the newest entry.
    pub head: u64,
    /// The SHA-256 of its line.
    pub hash: Digest,
}

/// Verifies an exported log: one entry a line, and the head's line.
pub fn of_lines<'l>(lines: impl Iterator<Item = &'l [u8]>, anchors: &[Anchor]) -> Verdict {
    let mut chain = Chain::new(anchors);
    let mut told: Option<Head> = None;
    for (place, line) in (1..).zip(lines) {
        if let Some(told) = told {
            let ja = format!("末尾の行（{}）の後に、まだ行があります。", told.anchor());
            let en = format!("there is more after the line that names the end ({})", told.anchor());
            chain.verdict.broken(Some(place), None, ja, en);
            break;
        }
        match serde_json::from_slice::<LastLine>(line) {
            Ok(last) => told = Some(Head { number: last.head, hash: last.hash }),
            Err(_) => chain.line(place, line),
        }
    }
    chain.end(told);
    chain.verdict
}

/// Verifies the log of a store and the shelves against it. `None`: the store has no log yet.
pub fn of_store(shelves: &Shelves, anchors: &[Anchor]) -> Result<Option<Verdict>, StoreError> {
    let told: Option<Head> = shelves.get(HEAD).or_else(|error| match error {
        // What cannot be read was altered: that is for the verdict to say.
        StoreError::Corrupt { .. } => Ok(Some(Head::NONE)),
        other => Err(other),
    })?;
    let mut chain = Chain::new(anchors);
    let mut after = 0;
    let mut any = false;
    loop {
        let page = shelves.chronicle_lines(after, PAGE)?;
        // A key that is no number reads as the largest: behind it nothing comes that fits.
        let Some((last, _)) = page.last().filter(|(last, _)| *last > after) else { break };
        after = *last;
        any = true;
        for (place, line) in &page {
            chain.line(*place, line);
        }
    }
    if !any && told.is_none() && shelves::is_before_log(shelves)? {
        return Ok(None);
    }
    chain.end(told);
    shelves::compare(shelves, &mut chain)?;
    Ok(Some(chain.verdict))
}
