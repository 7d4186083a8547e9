//! Package lists as files: plain or compressed, read as a stream.

use std::fs::File;
use std::io::{self, Read};

mod xz;

/// The ways of compression that we read, by the end of the file's name. Nothing else is guessed at.
const COMPRESSED: [&str; 5] = [".gz", ".lz4", ".zst", ".xz", ".bz2"];

/// A file's name without its compression.
pub(super) fn plain_name(name: &str) -> &str {
    COMPRESSED.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
}

/// The content of a list, decompressed as the end of its name says.
pub(in crate::platform::linux) fn open(file: File, name: &str) -> io::Result<Box<dyn Read>> {
    let unread = |what| {
        Err(io::Error::new(io::ErrorKind::Unsupported, format!("lists packed with {what} are not read")))
    };
    match name.rsplit_once('.').map_or("", |(_, end)| end) {
        "gz" => Ok(Box::new(flate2::read::MultiGzDecoder::new(io::BufReader::new(file)))),
        "lz4" => Ok(Box::new(lz4_flex::frame::FrameDecoder::new(file))),
        "zst" => match ruzstd::decoding::StreamingDecoder::new(io::BufReader::new(file)) {
            Ok(decoder) => Ok(Box::new(decoder)),
            Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error.to_string())),
        },
        "xz" => Ok(Box::new(xz::Decoder::new(io::BufReader::new(file)))),
        "bz2" => unread("bzip2"),
        _ => Ok(Box::new(file)),
    }
}
