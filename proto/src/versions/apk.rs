//! Alpine's order: `digits{.digits}[letter]{_suffix[digits]}[~hash][-r digits]`, apk-package(5).

use std::cmp::Ordering;

use super::{compare_numbers, split_while};

/// Which of the two is no version, and why.
#[derive(Debug)]
pub(super) enum Fault {
    Left(&'static str),
    Right(&'static str),
}

/// Piece by piece until one decides. What stands behind the deciding piece is not looked at, as apk does not.
pub(super) fn compare(a: &str, b: &str) -> Result<Ordering, Fault> {
    let (mut left, mut right) = (Pieces::of(a), Pieces::of(b));
    loop {
        let x = left.next_piece().map_err(Fault::Left)?;
        let y = right.next_piece().map_err(Fault::Right)?;
        if x.rank() != y.rank() {
            return Ok(unlike(&x, &y));
        }
        match alike(&x, &y) {
            Ordering::Equal if matches!(x, Piece::End) => return Ok(Ordering::Equal),
            Ordering::Equal => {}
            decided => return Ok(decided),
        }
    }
}

/// One piece of a version, in the order in which pieces may follow each other.
#[derive(Clone, Copy)]
enum Piece<'a> {
    First(&'a [u8]),
    Digits(&'a [u8]),
    Letter(u8),
    Suffix(i32),
    SuffixNumber(&'a [u8]),
    Hash(&'a [u8]),
    Revision(&'a [u8]),
    End,
}

impl Piece<'_> {
    fn rank(&self) -> u8 {
        match self {
            Piece::First(_) => 0,
            Piece::Digits(_) => 1,
            Piece::Letter(_) => 2,
            Piece::Suffix(_) => 3,
            Piece::SuffixNumber(_) => 4,
            Piece::Hash(_) => 5,
            Piece::Revision(_) => 6,
            Piece::End => 7,
        }
    }
}

/// Before the version itself (below 0) or after it.
const SUFFIXES: [(&[u8], i32); 9] = [
    (b"alpha", -4),
    (b"beta", -3),
    (b"pre", -2),
    (b"rc", -1),
    (b"cvs", 1),
    (b"svn", 2),
    (b"git", 3),
    (b"hg", 4),
    (b"p", 5),
];

fn alike(x: &Piece<'_>, y: &Piece<'_>) -> Ordering {
    match (x, y) {
        // A later part with a leading zero is a decimal fraction: 1.01 is older than 1.1.
        (Piece::Digits(a), Piece::Digits(b)) if a.starts_with(b"0") || b.starts_with(b"0") => a.cmp(b),
        (Piece::First(a), Piece::First(b))
        | (Piece::Digits(a), Piece::Digits(b))
        | (Piece::SuffixNumber(a), Piece::SuffixNumber(b))
        | (Piece::Revision(a), Piece::Revision(b)) => compare_numbers(a, b),
        (Piece::Letter(a), Piece::Letter(b)) => a.cmp(b),
        (Piece::Suffix(a), Piece::Suffix(b)) => a.cmp(b),
        (Piece::Hash(a), Piece::Hash(b)) => a.cmp(b),
        _ => Ordering::Equal,
    }
}

/// The one that goes on is newer, unless what goes on says that it is a forerunner.
fn unlike(x: &Piece<'_>, y: &Piece<'_>) -> Ordering {
    match (x, y) {
        (Piece::Suffix(weight), _) if *weight < 0 => Ordering::Less,
        (_, Piece::Suffix(weight)) if *weight < 0 => Ordering::Greater,
        _ => y.rank().cmp(&x.rank()),
    }
}

struct Pieces<'a> {
    rest: &'a [u8],
    last: Option<u8>,
}

impl<'a> Pieces<'a> {
    fn of(text: &'a str) -> Self {
        Pieces { rest: text.as_bytes(), last: None }
    }

    fn next_piece(&mut self) -> Result<Piece<'a>, &'static str> {
        let piece = self.cut()?;
        self.last = Some(piece.rank());
        Ok(piece)
    }

    fn cut(&mut self) -> Result<Piece<'a>, &'static str> {
        let Some(last) = self.last else {
            return self.digits("it does not begin with a digit").map(Piece::First);
        };
        let Some((&first, behind)) = self.rest.split_first() else {
            return Ok(Piece::End);
        };
        match first {
            b'a'..=b'z' if last <= 1 => {
                self.rest = behind;
                Ok(Piece::Letter(first))
            }
            b'.' if last <= 1 => {
                self.rest = behind;
                self.digits("no digit follows a dot").map(Piece::Digits)
            }
            b'0'..=b'9' if last == 3 => self.digits("no digit").map(Piece::SuffixNumber),
            b'_' if last <= 4 => {
                let (word, rest) = split_while(behind, |byte| byte.is_ascii_lowercase());
                let known = SUFFIXES.iter().find(|(name, _)| *name == word);
                self.rest = rest;
                known
                    .map(|(_, weight)| Piece::Suffix(*weight))
                    .ok_or("it has a suffix that apk does not know")
            }
            b'~' if last <= 4 => {
                let (hash, rest) =
                    split_while(behind, |byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
                self.rest = rest;
                if hash.is_empty() { Err("no hash follows the tilde") } else { Ok(Piece::Hash(hash)) }
            }
            b'-' if last <= 5 && behind.starts_with(b"r") => {
                self.rest = &behind[1..];
                self.digits("no digit follows -r").map(Piece::Revision)
            }
            _ => Err("it has a piece that is not of apk's grammar"),
        }
    }

    fn digits(&mut self, otherwise: &'static str) -> Result<&'a [u8], &'static str> {
        let (digits, rest) = split_while(self.rest, |byte| byte.is_ascii_digit());
        self.rest = rest;
        if digits.is_empty() { Err(otherwise) } else { Ok(digits) }
    }
}
