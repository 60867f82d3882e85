//! Names that people and programs give: what is left of one when its generated suffixes are cut.

/// The longest stem that is worth comparing, in bytes, must have at least this many.
const STEM_BYTES_MIN: usize = 2;
/// A part made of hexadecimal digits counts as generated from this length on.
const GENERATED_BYTES_MIN: usize = 4;

/// Cuts generated suffixes: `web-20231105123000` and `web-7f3a9c` become `web`. A name that is nothing but a suffix
/// stays as it is.
pub(super) fn stem(name: &str) -> &str {
    let mut rest = name;
    while let Some(at) = rest.rfind(['-', '_', '.', '/']) {
        let (head, tail) = (&rest[..at], &rest[at + 1..]);
        if head.len() < STEM_BYTES_MIN || !is_generated(tail) {
            break;
        }
        rest = head;
    }
    rest
}

fn is_generated(part: &str) -> bool {
    let digits = part.bytes().filter(u8::is_ascii_digit).count();
    let all_hexadecimal = part.bytes().all(|byte| byte.is_ascii_hexdigit());
    part.is_empty() || digits == part.len() || (all_hexadecimal && digits > 0 && part.len() >= GENERATED_BYTES_MIN)
}

#[cfg(test)]
mod tests {
    use super::stem;

    #[test]
    fn cuts_generated_suffixes_and_nothing_else() {
        for (name, expected) in [
            ("web", "web"),
            ("web-1", "web"),
            ("web-7f3a9c", "web"),
            ("web-20231105123000-7f3a", "web"),
            ("web-face", "web-face"),
            ("prod-eu-west-1", "prod-eu-west"),
            ("7f3a9c01", "7f3a9c01"),
            ("a-1", "a-1"),
            ("", ""),
            ("größe-12", "größe"),
        ] {
            assert_eq!(stem(name), expected, "{name}");
        }
    }
}
