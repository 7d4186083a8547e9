//! The two hashes by which a journal finds a field's value: SipHash-2-4 under the file's own key (systemd 246 and
//! later), Jenkins' lookup3 before. They only find; nothing is secured with them.

/// SipHash-2-4 of `data` under a key of 16 bytes (Aumasson and Bernstein, 2012).
pub(super) fn sip(key: &[u8; 16], data: &[u8]) -> u64 {
    let (first, second) = (word(&key[..8]), word(&key[8..]));
    let mut state = Sip([
        first ^ 0x736f_6d65_7073_6575,
        second ^ 0x646f_7261_6e64_6f6d,
        first ^ 0x6c79_6765_6e65_7261,
        second ^ 0x7465_6462_7974_6573,
    ]);
    let (chunks, rest) = data.as_chunks::<8>();
    for chunk in chunks {
        state.absorb(word(chunk));
    }
    state.absorb(word(rest) | (data.len() as u64) << 56);
    state.0[2] ^= 0xff;
    for _ in 0..4 {
        state.round();
    }
    state.0.iter().fold(0, |sum, part| sum ^ part)
}

struct Sip([u64; 4]);

impl Sip {
    fn absorb(&mut self, word: u64) {
        self.0[3] ^= word;
        self.round();
        self.round();
        self.0[0] ^= word;
    }

    fn round(&mut self) {
        let [a, b, c, d] = &mut self.0;
        *a = a.wrapping_add(*b);
        *b = b.rotate_left(13) ^ *a;
        *a = a.rotate_left(32);
        *c = c.wrapping_add(*d);
        *d = d.rotate_left(16) ^ *c;
        *a = a.wrapping_add(*d);
        *d = d.rotate_left(21) ^ *a;
        *c = c.wrapping_add(*b);
        *b = b.rotate_left(17) ^ *c;
        *c = c.rotate_left(32);
    }
}

/// Up to eight bytes, the first one lowest.
fn word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte))
}

/// Jenkins' lookup3 (2006, public domain), both halves of it, the first one high.
pub(super) fn jenkins(data: &[u8]) -> u64 {
    #[expect(clippy::cast_possible_truncation, reason = "lookup3 counts modulo 2^32")]
    let seed = 0xdead_beef_u32.wrapping_add(data.len() as u32);
    let mut state = [seed; 3];
    let mut rest = data;
    // The last twelve bytes, or fewer, are mixed in another way.
    while rest.len() > 12 {
        add(&mut state, &rest[..12]);
        mix(&mut state);
        rest = &rest[12..];
    }
    if !rest.is_empty() {
        add(&mut state, rest);
        finish(&mut state);
    }
    u64::from(state[2]) << 32 | u64::from(state[1])
}

fn add(state: &mut [u32; 3], bytes: &[u8]) {
    for (part, four) in state.iter_mut().zip(bytes.chunks(4)) {
        let four = four.iter().rev().fold(0, |sum, &byte| sum << 8 | u32::from(byte));
        *part = part.wrapping_add(four);
    }
}

fn mix([a, b, c]: &mut [u32; 3]) {
    for turns in [[4, 6, 8], [16, 19, 4]] {
        *a = a.wrapping_sub(*c) ^ c.rotate_left(turns[0]);
        *c = c.wrapping_add(*b);
        *b = b.wrapping_sub(*a) ^ a.rotate_left(turns[1]);
        *a = a.wrapping_add(*c);
        *c = c.wrapping_sub(*b) ^ b.rotate_left(turns[2]);
        *b = b.wrapping_add(*a);
    }
}

fn finish([a, b, c]: &mut [u32; 3]) {
    for turns in [[14, 11, 25], [16, 4, 14]] {
        *c = (*c ^ *b).wrapping_sub(b.rotate_left(turns[0]));
        *a = (*a ^ *c).wrapping_sub(c.rotate_left(turns[1]));
        *b = (*b ^ *a).wrapping_sub(a.rotate_left(turns[2]));
    }
    *c = (*c ^ *b).wrapping_sub(b.rotate_left(24));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector of the paper's appendix A.
    #[test]
    fn siphash_gives_the_published_value() {
        let key = std::array::from_fn(|at| u8::try_from(at).unwrap());
        let data: Vec<u8> = (0..15).collect();
        assert_eq!(sip(&key, &data), 0xa129_ca61_49be_45e5);
    }

    /// The vectors of lookup3's own self-test, for both seeds 0.
    #[test]
    fn lookup3_gives_the_published_values() {
        assert_eq!(jenkins(b""), 0xdead_beef_dead_beef);
        assert_eq!(jenkins(b"Four score and seven years ago"), 0x1777_0551_ce72_26e6);
    }
}
