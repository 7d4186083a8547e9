//! Marvin32, the sum that protects each entry of a log.

/// The seed that Windows uses for logs.
const SEED: u64 = 0x82ef_4d88_7a4e_55c5;

/// The sum of these bytes.
pub(super) fn sum(bytes: &[u8]) -> u64 {
    let [a, b, c, d, e, f, g, h] = SEED.to_le_bytes();
    let (mut low, mut high) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
    let (words, rest) = bytes.as_chunks::<4>();
    for word in words {
        low = low.wrapping_add(u32::from_le_bytes(*word));
        (low, high) = mix(low, high);
    }
    // A byte 0x80 closes what is left, and zeros fill the word.
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    last[rest.len()] = 0x80;
    low = low.wrapping_add(u32::from_le_bytes(last));
    (low, high) = mix(low, high);
    (low, high) = mix(low, high);
    u64::from(high) << 32 | u64::from(low)
}

fn mix(mut low: u32, mut high: u32) -> (u32, u32) {
    high ^= low;
    low = low.rotate_left(20).wrapping_add(high);
    high = high.rotate_left(9) ^ low;
    low = low.rotate_left(27).wrapping_add(high);
    high = high.rotate_left(19);
    (low, high)
}
