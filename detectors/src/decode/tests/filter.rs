//! The read filter: it drops reads as AWS writes them, and nothing of which that is not sure.

use super::super::filter::surely_read;
use super::super::marks::BLOCK;
use crate::limits::NESTING_MAX;
use crate::time::Second;

const READ: &str = r#"{"eventVersion":"1.11","userIdentity":{"type":"IAMUser"},"eventTime":"2025-12-31T23:59:00Z","eventSource":"iam.amazonaws.com","eventName":"GetUser","userAgent":"a\"b\\c","requestParameters":{"a":[{"b":1},{}]},"eventID":"e-1","readOnly":true}"#;

/// The read, with something else in the place of a part that it has.
fn with(part: &str, other: &str) -> String {
    assert!(READ.contains(part), "{part}");
    READ.replacen(part, other, 1)
}

/// A record moved on by each number of bytes: what is told in one block of them is told across two.
fn moved(record: &str) -> impl Iterator<Item = String> {
    assert!(record.contains("1.11"));
    (0..BLOCK).map(move |bytes| record.replacen("1.11", &"1".repeat(bytes), 1))
}

#[test]
fn reads_as_aws_writes_them_are_told() {
    let time = Second::parse("2025-12-31T23:59:00Z");
    for (part, other) in [
        ("GetUser", "GetUser"),
        ("GetUser", "describeThings"),
        (",\"readOnly\":true", ""),
        ("\"readOnly\":true", "\"readOnly\":\"true\""),
        ("\"eventName\":", "\"eventName\" : "),
        ("\"requestParameters\":{", "\"requestParameters\":{\"readOnly\":true,"),
        ("\"eventID\"", "\"eventType\":\"AwsApiCall\",\"eventID\""),
    ] {
        moved(&with(part, other)).for_each(|record| assert_eq!(surely_read(&record), time, "{record}"));
    }
}

#[test]
fn what_is_not_surely_a_read_is_read_in_full() {
    for (part, other) in [
        ("{\"eventVersion\"", "{ \"eventVersion\""),
        ("GetUser", "DeleteUser"),
        ("GetUser", "GetSessionToken"),
        ("GetUser", "Get\\u0055ser"),
        ("\"GetUser\"", "null"),
        ("\"eventName\":\"GetUser\",", ""),
        ("\"requestParameters\":{", "\"requestParameters\":{\"eventName\":\"DeleteUser\","),
        ("\"eventID\":\"e-1\"", "\"eventID\":\"e-1\",\"eventName\":\"DeleteUser\""),
        ("\"eventID\":\"e-1\"", "\"eventID\":\"e-1\",\"event\\u004eame\":\"DeleteUser\""),
        ("\"eventID\":\"e-1\"", "\"eventID\":\"\""),
        ("\"eventID\":\"e-1\"", "\"eventID\":5"),
        ("\"eventID\":\"e-1\",", ""),
        ("2025-12-31T23:59:00Z", "yesterday"),
        ("\"eventTime\":\"2025-12-31T23:59:00Z\",", ""),
        ("iam.amazonaws.com", "aws:s3"),
        ("iam.amazonaws.com", ""),
        ("\"readOnly\":true", "\"readOnly\":false"),
        ("\"readOnly\":true", "\"readOnly\":truer"),
        ("\"readOnly\":true", "\"readOnly\":null"),
        ("\"requestParameters\":{", "\"requestParameters\":{\"readOnly\":false,"),
        ("\"userIdentity\":{\"type\":\"IAMUser\"}", "\"userIdentity\":null"),
        ("\"userIdentity\":{\"type\":\"IAMUser\"},", ""),
        ("\"eventID\":\"e-1\"", "\"eventID\":\"e-1\",\"userIdentity\":null"),
        ("\"userIdentity\":{\"type\":\"IAMUser\"}", "\"x\":{\"userIdentity\":{}}"),
        ("\"eventID\":\"e-1\"", "\"x\":{\"eventID\":\"e-1\"}"),
        ("\"eventTime\":\"2025-12-31T23:59:00Z\"", "\"x\":{\"eventTime\":\"2025-12-31T23:59:00Z\"}"),
        ("\"readOnly\":true}", "\"readOnly\":true},{}"),
        ("\"readOnly\":true}", "\"readOnly\":true},[{\"eventID\":\"x\"}]"),
        ("\"readOnly\":true}", "\"readOnly\":true"),
        ("\"a\":[", "\"eventVersion\":\"1\",\"a\":["),
    ] {
        moved(&with(part, other)).for_each(|record| assert_eq!(surely_read(&record), None, "{record}"));
    }
}

#[test]
fn what_is_nested_too_deep_is_read_in_full() {
    let time = Second::parse("2025-12-31T23:59:00Z");
    // The record is one level by itself, its parameters and the list in them two more.
    for (levels, expected) in [(NESTING_MAX - 3, time), (NESTING_MAX - 2, None)] {
        let nested = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(surely_read(&with("{\"b\":1}", &nested)), expected, "{levels}");
    }
}
