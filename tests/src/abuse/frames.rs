//! HTTP/2 by hand (RFC 9113), as a program writes it that means harm; and what comes back, as far as it matters.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, timeout_at};

/// What every connection begins with (RFC 9113 3.4), with settings that ask for nothing.
pub(super) fn greeting() -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &[]));
    bytes
}

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;
pub(super) const END_HEADERS: u8 = 4;

/// One frame.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A header in the longest form that HPACK has (RFC 7541 6.2.2): nothing is remembered of it.
pub(super) fn header(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name, value] {
        // Below 127 the length is one byte; longer ones go on in groups of seven bits.
        match u8::try_from(text.len()) {
            Ok(length) if length < 127 => bytes.push(length),
            _ => {
                bytes.push(127);
                let mut rest = text.len() - 127;
                while rest >= 128 {
                    bytes.push(u8::try_from(rest % 128).unwrap_or(0) | 128);
                    rest /= 128;
                }
                bytes.push(u8::try_from(rest).unwrap_or(0));
            }
        }
        bytes.extend(text.as_bytes());
    }
    bytes
}

/// The headers of a gRPC request for this path.
pub(super) fn request(path: &str) -> Vec<u8> {
    let headers = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    headers.iter().flat_map(|(name, value)| header(name, value)).collect()
}

/// What came back.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// The error of its last word: 11 is ENHANCE_YOUR_CALM.
    pub goaway: Option<u32>,
    /// The requests that it took back.
    pub resets: usize,
    /// The requests that it answered.
    pub answers: usize,
    /// It ended the connection.
    pub closed: bool,
}

impl Heard {
    fn take(&mut self, buffer: &mut Vec<u8>) {
        while let Some((head, rest)) = buffer.split_at_checked(9) {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let Some(payload) = rest.get(..length) else { return };
            match head[3] {
                HEADERS => self.answers += 1,
                RST_STREAM => self.resets += 1,
                GOAWAY => {
                    let code = payload.get(4..8).and_then(|code| code.try_into().ok());
                    self.goaway = code.map(u32::from_be_bytes);
                }
                _ => {}
            }
            buffer.drain(..9 + length);
        }
    }
}

/// Writes what `next` makes (nothing: waits) and listens, until the other side ends it or the time is over.
pub(super) async fn flood(
    stream: impl AsyncRead + AsyncWrite,
    until: Instant,
    mut next: impl FnMut(u32) -> Option<Vec<u8>>,
) -> Heard {
    let (mut reading, mut writing) = tokio::io::split(stream);
    let mut heard = Heard::default();
    let listen = async {
        let (mut kept, mut buffer) = (Vec::new(), vec![0; 16 * 1024]);
        loop {
            match reading.read(&mut buffer).await {
                Ok(0) | Err(_) => {
                    heard.closed = true;
                    return;
                }
                Ok(count) => kept.extend_from_slice(&buffer[..count]),
            }
            heard.take(&mut kept);
        }
    };
    let write = async {
        writing.write_all(&greeting()).await?;
        for round in 0.. {
            let Some(bytes) = next(round) else { break };
            writing.write_all(&bytes).await?;
            writing.flush().await?;
        }
        io::Result::Ok(())
    };
    let both = async {
        tokio::pin!(listen);
        tokio::select! {
            () = &mut listen => return,
            _ = write => {}
        }
        listen.await;
    };
    // Time is over: what it heard until then counts.
    let _ = timeout_at(until, both).await;
    heard
}

/// Writes and never reads: the other side's answers have nowhere to go. Tells whether it ended the connection.
pub(super) async fn deaf(
    mut stream: impl AsyncWrite + Unpin,
    until: Instant,
    mut next: impl FnMut(u32) -> Vec<u8>,
) -> Heard {
    let write = async {
        stream.write_all(&greeting()).await?;
        for round in 0.. {
            stream.write_all(&next(round)).await?;
            stream.flush().await?;
            if round > 64 {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        io::Result::Ok(())
    };
    let closed = timeout_at(until, write).await.is_ok_and(|written| written.is_err());
    Heard { closed, ..Heard::default() }
}
