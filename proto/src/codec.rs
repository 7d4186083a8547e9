//! Reads and writes messages as protocol buffers, and refuses a report before it is read that would fill the memory.

use std::any::TypeId;
use std::marker::PhantomData;

use prost::Message;
use prost::bytes::Buf as _;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder};
use tonic_prost::ProstEncoder;

use crate::wire::ReportRequest;

/// What one observation may weigh, see [`weight_of_observation`]: 48 000 packages, six times what the largest distribution
/// installs.
pub const OBSERVATION_WEIGHT_MAX: usize = 32 * 1024 * 1024;

/// What one report may weigh: the heaviest observation, and a batch beside it.
pub const REPORT_WEIGHT_MAX: usize = 48 * 1024 * 1024;

/// About the bytes of memory that one message takes, at each depth of a report: observation, look, what was seen, its texts.
/// Two bytes on the wire are enough to ask for one of them.
const BYTES_AT_DEPTH: [usize; 4] = [400, 400, 400, 48];

/// About how many bytes of memory this observation, as it is sent, takes once it is read.
pub fn weight_of_observation(wire: &[u8]) -> usize {
    weight(wire, 1)
}

/// The same for a report.
fn weight_of_report(wire: &[u8]) -> usize {
    weight(wire, 0)
}

/// Total: what does not have the form of a message weighs what was seen of it, and is refused by whoever reads it.
fn weight(mut bytes: &[u8], depth: usize) -> usize {
    let mut sum = 0;
    while let Ok((_, kind)) = prost::encoding::decode_key(&mut bytes) {
        let skipped = match kind {
            prost::encoding::WireType::Varint => {
                prost::encoding::decode_varint(&mut bytes).map(|_| 0).unwrap_or(usize::MAX)
            }
            prost::encoding::WireType::SixtyFourBit => 8,
            prost::encoding::WireType::ThirtyTwoBit => 4,
            prost::encoding::WireType::LengthDelimited => {
                let length = prost::encoding::decode_varint(&mut bytes).unwrap_or(u64::MAX);
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                let Some(inner) = bytes.get(..length) else { return sum };
                sum += BYTES_AT_DEPTH[depth] + if depth < 3 { weight(inner, depth + 1) } else { length };
                length
            }
            // Groups are not in our schema; whoever reads it skips them without keeping anything.
            prost::encoding::WireType::StartGroup | prost::encoding::WireType::EndGroup => 0,
        };
        if skipped > bytes.len() {
            return sum;
        }
        bytes.advance(skipped);
    }
    sum
}

/// The codec of all services.
#[derive(Clone, Copy, Debug)]
pub struct Careful<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for Careful<T, U> {
    fn default() -> Self {
        Careful(PhantomData)
    }
}

impl<T, U> Codec for Careful<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = Reader<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::default()
    }

    fn decoder(&mut self) -> Self::Decoder {
        Reader(PhantomData)
    }
}

/// Reads one kind of message.
#[derive(Clone, Copy, Debug)]
pub struct Reader<U>(PhantomData<U>);

impl<U: Message + Default + 'static> Decoder for Reader<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        // A report is the one message that agents send, and so the one that a stolen PC can make; the message lies there
        // in one piece.
        if TypeId::of::<U>() == TypeId::of::<ReportRequest>()
            && weight_of_report(bytes.chunk()) > REPORT_WEIGHT_MAX
        {
            return Err(Status::invalid_argument("the report would take too much memory once it is read"));
        }
        U::decode(bytes)
            .map(Some)
            .map_err(|error| Status::invalid_argument(format!("the message cannot be read: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Fact, Look, Package};
    use crate::observation::Observation;

    fn packages(count: usize) -> Vec<u8> {
        let package = |number| Package {
            manager: "dpkg".to_owned(),
            name: format!("libexample-package{number}"),
            version: "1:2.3.4-5+deb12u1".to_owned(),
            ..Package::default()
        };
        let fact =
            Fact::Packages(Look::Seen { value: (0..count).map(package).collect(), problems: Vec::new() });
        Observation { sequence: 1, observed_at: jiff::Timestamp::UNIX_EPOCH, fact }.to_bytes()
    }

    #[test]
    fn what_the_largest_machine_has_is_far_from_the_limit() {
        let weight = weight_of_observation(&packages(20_000));
        assert!(weight < OBSERVATION_WEIGHT_MAX / 2, "{weight}");
    }

    #[test]
    fn a_small_report_of_a_million_empty_things_is_heavy() {
        // Field 2 of the report, field 12 of the observation, field 3 of the look, again and again, each empty.
        let nested = |tag: u8, inner: &[u8]| {
            let mut bytes = vec![tag];
            prost::encoding::encode_varint(inner.len() as u64, &mut bytes);
            bytes.extend_from_slice(inner);
            bytes
        };
        let report = nested(0x12, &nested(0x62, &[0x1a, 0x00].repeat(1_000_000)));
        assert!(report.len() < 2_100_000);
        assert!(weight_of_report(&report) > REPORT_WEIGHT_MAX);
        let report = [0x12, 0x00].repeat(1_000_000);
        assert!(weight_of_report(&report) > REPORT_WEIGHT_MAX);
    }

    #[test]
    fn any_bytes_have_a_weight() {
        let mut chance = fastrand::Rng::with_seed(6);
        let valid = packages(20);
        for _ in 0..20_000 {
            let mut bytes = valid.clone();
            for _ in 0..chance.usize(..8) {
                let place = chance.usize(..bytes.len());
                bytes[place] = chance.u8(..);
            }
            let bytes = &bytes[..chance.usize(..=bytes.len())];
            assert!(weight_of_report(bytes) <= 400 * bytes.len() + bytes.len());
        }
    }
}
