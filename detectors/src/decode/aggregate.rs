//! Messages that the Kinesis Producer Library packed into one record of a stream.

/// How such a record begins.
const MAGIC: [u8; 4] = [0xf3, 0x89, 0x9a, 0xc2];
/// The bytes of the MD5 digest at its end. What is damaged is rejected message by message, so it is not checked.
const DIGEST_BYTES: usize = 16;
/// Field of the whole that holds a message, and of the message that holds its data: both are the third.
const THIRD: u64 = 3;

/// The packed messages, if these bytes are a record of that kind.
pub(super) fn packed(bytes: &[u8]) -> Option<&[u8]> {
    let rest = bytes.strip_prefix(&MAGIC)?;
    rest.get(..rest.len().checked_sub(DIGEST_BYTES)?)
}

/// Hands over each message until told to stop. Says whether all of it could be read so far.
pub(super) fn each_message<'a>(packed: &'a [u8], mut take: impl FnMut(&'a [u8]) -> bool) -> bool {
    let mut rest = packed;
    while !rest.is_empty() {
        let Some((number, message)) = field(&mut rest) else { return false };
        if number != THIRD {
            continue;
        }
        let (mut fields, mut data) = (message, None);
        while !fields.is_empty() {
            match field(&mut fields) {
                Some((THIRD, bytes)) => data = Some(bytes),
                Some(_) => {}
                None => return false,
            }
        }
        match data {
            Some(data) if take(data) => {}
            Some(_) => return true,
            None => return false,
        }
    }
    true
}

/// The next field of a protocol buffer: its number, and its bytes if it has any.
fn field<'a>(rest: &mut &'a [u8]) -> Option<(u64, &'a [u8])> {
    let key = variable(rest)?;
    let length = match key & 7 {
        0 => {
            variable(rest)?;
            0
        }
        1 => 8,
        2 => usize::try_from(variable(rest)?).ok()?,
        5 => 4,
        _ => return None,
    };
    let (bytes, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some((key >> 3, bytes))
}

/// A number of up to ten bytes, seven bits in each.
fn variable(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    fn length(number: usize) -> Vec<u8> {
        let (mut number, mut bytes) = (number, Vec::new());
        while number >= 0x80 {
            bytes.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
        bytes
    }

    fn bytes_field(number: u8, bytes: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2], &*length(bytes.len()), bytes].concat()
    }

    /// A record as the library packs it.
    pub(in super::super) fn aggregate(messages: &[&[u8]]) -> Vec<u8> {
        let message = |data: &&[u8]| bytes_field(3, &[&[0x08, 0x00], &*bytes_field(3, data)].concat());
        let messages: Vec<u8> = messages.iter().flat_map(message).collect();
        [&MAGIC[..], &bytes_field(1, b"key"), &messages, &[0; DIGEST_BYTES]].concat()
    }

    fn messages(bytes: &[u8]) -> Option<Vec<&[u8]>> {
        let mut messages = Vec::new();
        let is_whole = each_message(packed(bytes)?, |message| {
            messages.push(message);
            true
        });
        is_whole.then_some(messages)
    }

    #[test]
    fn messages_come_out_as_they_went_in() {
        let long = [b'x'; 300];
        let packed = aggregate(&[b"{}", &long, b""]);
        assert_eq!(messages(&packed), Some(vec![&b"{}"[..], &long, b""]));
        assert_eq!(messages(&packed[..packed.len() - 2]), None);
        assert_eq!(messages(b"{}"), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            each_message(&bytes, |_| true);
        }
    }
}
