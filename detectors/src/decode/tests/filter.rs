//! The read filter: it drops reads as AWS writes them, and nothing of which that is not sure.

use super::super::filter::surely_read;
use crate::time::Second;

const READ: &str = r#"{"eventVersion":"1.11","userIdentity":{"type":"IAMUser"},"eventTime":"2025-12-31T23:59:00Z","eventSource":"iam.amazonaws.com","eventName":"GetUser","userAgent":"a\"b\\c","requestParameters":{"a":[{"b":1},{}]},"eventID":"e-1","readOnly":true}"#;

/// The read, with something else in the place of a part that it has.
fn with(part: &str, other: &str) -> String {
    assert!(READ.contains(part), "{part}");
    READ.replacen(part, other, 1)
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
        assert_eq!(surely_read(&with(part, other)), time, "{part} -> {other}");
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
        assert_eq!(surely_read(&with(part, other)), None, "{part} -> {other}");
    }
}
