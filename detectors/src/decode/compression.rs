//! Opens compressed payloads, within bounds.

use std::io::Read as _;

use flate2::read::MultiGzDecoder;

use super::RejectReason;

const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Whether bytes are compressed in a way that is known.
pub(super) fn is_compressed(bytes: &[u8]) -> bool {
    bytes.starts_with(&GZIP)
}

/// What was compressed, if that is no more than so many bytes.
pub(super) fn inflate(bytes: &[u8], bytes_max: usize) -> Result<Vec<u8>, RejectReason> {
    let mut inflated = Vec::new();
    match MultiGzDecoder::new(bytes).take(bytes_max as u64 + 1).read_to_end(&mut inflated) {
        Err(_) => Err(RejectReason::BadCompression),
        Ok(_) if inflated.len() > bytes_max => Err(RejectReason::TooLarge),
        Ok(_) => Ok(inflated),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn what_grows_past_the_bound_is_given_up() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&[b' '; 1_000]).expect("memory takes all");
        let bytes = encoder.finish().expect("memory takes all");
        assert_eq!(inflate(&bytes, 1_000), Ok(vec![b' '; 1_000]));
        assert_eq!(inflate(&bytes, 999), Err(RejectReason::TooLarge));
    }
}
