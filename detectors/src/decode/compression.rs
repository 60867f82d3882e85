//! Opens compressed payloads, within bounds.

use std::io::Read as _;

use flate2::read::MultiGzDecoder;
use ruzstd::decoding::StreamingDecoder;

use super::RejectReason;
use crate::limits::DECOMPRESSED_BYTES_MAX;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTANDARD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Whether what is compressed can be opened to its end, and is no larger then than a payload may become. What is not
/// compressed is sound.
pub fn is_sound(bytes: &[u8]) -> Result<(), RejectReason> {
    if is_compressed(bytes) { inflate(bytes, DECOMPRESSED_BYTES_MAX).map(drop) } else { Ok(()) }
}

/// Whether bytes are compressed in a way that is known.
pub(super) fn is_compressed(bytes: &[u8]) -> bool {
    bytes.starts_with(&GZIP) || bytes.starts_with(&ZSTANDARD)
}

/// What was compressed, if that is no more than so many bytes.
pub(super) fn inflate(bytes: &[u8], bytes_max: usize) -> Result<Vec<u8>, RejectReason> {
    let mut inflated = Vec::new();
    let is_read = match bytes.starts_with(&ZSTANDARD) {
        true => read_frames(bytes, bytes_max, &mut inflated),
        false => MultiGzDecoder::new(bytes).take(bytes_max as u64 + 1).read_to_end(&mut inflated).is_ok(),
    };
    match is_read {
        _ if inflated.len() > bytes_max => Err(RejectReason::TooLarge),
        true => Ok(inflated),
        false => Err(RejectReason::BadCompression),
    }
}

/// Reads one frame of Zstandard after the other, up to one byte more than there may be. Says whether each was sound.
fn read_frames(mut bytes: &[u8], bytes_max: usize, inflated: &mut Vec<u8>) -> bool {
    while !bytes.is_empty() && inflated.len() <= bytes_max {
        let room = (bytes_max - inflated.len()) as u64 + 1;
        let Ok(frame) = StreamingDecoder::new_with_max_window_size(&mut bytes, DECOMPRESSED_BYTES_MAX as u64) else {
            return false;
        };
        if frame.take(room).read_to_end(inflated).is_err() {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    #[test]
    fn what_grows_past_the_bound_is_given_up() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&[b' '; 1_000]).expect("memory takes all");
        let bytes = encoder.finish().expect("memory takes all");
        assert_eq!(inflate(&bytes, 1_000), Ok(vec![b' '; 1_000]));
        assert_eq!(inflate(&bytes, 999), Err(RejectReason::TooLarge));
    }

    #[test]
    fn zstandard_is_bounded_too_and_may_have_several_frames() {
        let frame = compress_to_vec(&[b' '; 1_000][..], CompressionLevel::Fastest);
        assert!(is_compressed(&frame));
        assert_eq!(inflate(&frame, 1_000), Ok(vec![b' '; 1_000]));
        assert_eq!(inflate(&frame, 999), Err(RejectReason::TooLarge));
        assert_eq!(inflate(&[&*frame, &frame].concat(), 2_000), Ok(vec![b' '; 2_000]));
        assert_eq!(inflate(&[&*frame, &frame].concat(), 1_500), Err(RejectReason::TooLarge));
        assert_eq!(inflate(&frame[..frame.len() - 5], 1_000), Err(RejectReason::BadCompression));
        assert_eq!(inflate(b"\x28\xb5\x2f\xfdnonsense", 1_000), Err(RejectReason::BadCompression));
    }
}
