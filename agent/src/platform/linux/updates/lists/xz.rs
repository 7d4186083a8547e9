//! xz as a stream: all streams of a file, one behind the other, as `xz -d` reads them.

use std::io::{self, BufRead, Read};

use xz4rust::{XzDecoder, XzNextBlockResult};

/// The largest dictionary that is set up: Debian's archive packs with 8 MiB (`xz -6`), logrotate with 64 MiB (`xz -9`).
/// It is taken from the kernel as zeroes, so that only what a file really fills is held.
const DICTIONARY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What most lists need at once.
const DICTIONARY_BYTES_USUAL: usize = 64 * 1024;

pub(super) struct Decoder<R> {
    source: R,
    decoder: Box<XzDecoder<'static>>,
    /// Whether a stream ended and no other has begun.
    between: bool,
}

impl<R: BufRead> Decoder<R> {
    pub(super) fn new(source: R) -> Self {
        let decoder = XzDecoder::in_heap_with_alloc_dict_size(DICTIONARY_BYTES_USUAL, DICTIONARY_BYTES_MAX);
        Decoder { source, decoder, between: false }
    }
}

impl<R: BufRead> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !buffer.is_empty() {
            let input = self.source.fill_buf()?;
            match input.first() {
                None if self.between => return Ok(0),
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
                // Between streams there may be padding.
                Some(0) if self.between => {
                    self.source.consume(1);
                    continue;
                }
                Some(_) if self.between => {
                    self.decoder.reset();
                    self.between = false;
                }
                Some(_) => {}
            }
            let step = self.decoder.decode(input, buffer);
            let step = step.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            let (taken, given) = match step {
                XzNextBlockResult::NeedMoreData(taken, given) => (taken, given),
                XzNextBlockResult::EndOfStream(taken, given) => {
                    self.between = true;
                    (taken, given)
                }
            };
            self.source.consume(taken);
            if given > 0 {
                return Ok(given);
            }
            if taken == 0 && !self.between {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `ab\n` as xz packs it.
    const STREAM: &[u8] = &[
        0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x04, 0xe6, 0xd6, 0xb4, 0x46, 0x02, 0x00, 0x21, 0x01, 0x16,
        0x00, 0x00, 0x00, 0x74, 0x2f, 0xe5, 0xa3, 0x01, 0x00, 0x02, 0x61, 0x62, 0x0a, 0x00, 0x00, 0x1d, 0xde,
        0x3b, 0xaf, 0x47, 0xab, 0xd6, 0xf7, 0x00, 0x01, 0x1b, 0x03, 0x0b, 0x2f, 0xb9, 0x10, 0x1f, 0xb6, 0xf3,
        0x7d, 0x01, 0x00, 0x00, 0x00, 0x00, 0x04, 0x59, 0x5a,
    ];

    fn unpack(bytes: &[u8]) -> io::Result<String> {
        let mut text = String::new();
        Decoder::new(bytes).read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn no_stream_is_left_behind() {
        assert_eq!(unpack(STREAM).unwrap(), "ab\n");
        assert_eq!(unpack(&[STREAM, STREAM].concat()).unwrap(), "ab\nab\n");
        assert_eq!(unpack(&[STREAM, &[0; 4], STREAM].concat()).unwrap(), "ab\nab\n");
    }

    #[test]
    fn what_breaks_off_is_no_end() {
        assert!(unpack(&STREAM[..STREAM.len() - 1]).is_err());
        assert!(unpack(&[STREAM, &[1]].concat()).is_err());
        assert!(unpack(b"").is_err());
    }
}
