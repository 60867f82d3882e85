//! What records travel in, and what is rejected.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::super::RejectReason;
use super::super::aggregate::tests::aggregate;
use super::{decoded, reasons, record};
use crate::limits::{
    DECOMPRESSED_BYTES_MAX, NESTING_MAX, PAYLOAD_BYTES_MAX, RECORD_BYTES_MAX, RECORDS_PER_PAYLOAD_MAX,
    REJECT_SAMPLE_BYTES_MAX, REJECTS_PER_PAYLOAD_MAX, RESOURCES_PER_EVENT_MAX, RESOURCES_PER_PAYLOAD_MAX,
};
use crate::time::Second;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

fn deletion() -> serde_json::Value {
    record("ec2:DeleteVolume", &json!({"requestParameters": {"volumeId": "vol-1"}}))
}

#[test]
fn a_record_is_found_in_each_wrapper() {
    let record = deletion();
    let line = record.to_string();
    let bridge = |source: &str, account: &str| {
        json!({"version": "0", "id": "x", "detail-type": "AWS API Call via CloudTrail", "source": source,
               "account": account, "region": "eu-central-1", "resources": [], "detail": record})
    };
    let text = |value: &serde_json::Value| value.to_string();
    let base64 = |bytes: &[u8]| STANDARD.encode(bytes);
    let logs = json!({"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "g", "logStream": "s",
                      "subscriptionFilters": ["f"], "logEvents": [{"id": "1", "timestamp": 1, "message": line},
                                                                  {"id": "2", "timestamp": 2, "message": line}]});
    let sns = |message: &str| {
        json!({"Type": "Notification", "MessageId": "m", "TopicArn": "arn:aws:sns:x:1:t",
                                     "Message": message, "Timestamp": "2025-12-31T23:59:00Z"})
    };
    let sqs = |body: &str| {
        json!({"Records": [{"messageId": "m", "receiptHandle": "r", "body": body,
                                               "eventSource": "aws:sqs", "awsRegion": "eu-central-1"}]})
    };
    let kinesis = |bytes: &[u8]| {
        json!({"Records": [{"kinesis": {"partitionKey": "k", "data": base64(bytes)},
                                                     "eventSource": "aws:kinesis", "eventVersion": "1.0",
                                                     "eventID": "s:1", "eventName": "aws:kinesis:record"}]})
    };
    let lookup = json!({"EventId": "e-1", "EventName": "DeleteVolume", "CloudTrailEvent": line});
    let cases: Vec<(&str, Vec<u8>, usize)> = vec![
        ("bare", line.clone().into(), 1),
        ("pretty", format!("\n{record:#}\n").into(), 1),
        ("with a byte-order mark", format!("\u{feff}{line}").into(), 1),
        ("lines", format!("{line}\n\n{line}\r\n").into(), 2),
        ("without newlines between", format!("{line}{line} {line}").into(), 3),
        ("S3 file", json!({"Records": [record, record]}).to_string().into(), 2),
        ("pretty S3 file", format!("{:#}", json!({"Records": [record, record]})).into(), 2),
        ("array", json!([record, record]).to_string().into(), 2),
        ("empty list", json!({"Records": []}).to_string().into(), 0),
        ("EventBridge", bridge("aws.ec2", "123456789012").to_string().into(), 1),
        ("LookupEvents item", lookup.to_string().into(), 1),
        ("LookupEvents page", json!({"Events": [lookup, lookup], "NextToken": "n"}).to_string().into(), 2),
        ("gzip", gzip(line.as_bytes()), 1),
        ("gzip members", [gzip(line.as_bytes()), gzip(b"\n"), gzip(line.as_bytes())].concat(), 2),
        ("gzip in gzip", gzip(&gzip(json!({"Records": [record]}).to_string().as_bytes())), 1),
        ("CloudWatch Logs", text(&logs).into(), 2),
        ("CloudWatch Logs, compressed", gzip(text(&logs).as_bytes()), 2),
        (
            "CloudWatch Logs event of a function",
            text(&json!({"awslogs": {"data": base64(&gzip(text(&logs).as_bytes()))}})).into(),
            2,
        ),
        ("SNS", text(&sns(&line)).into(), 1),
        ("SNS around EventBridge", text(&sns(&text(&bridge("aws.ec2", "123456789012")))).into(), 1),
        (
            "SNS event of a function",
            text(&json!({"Records": [{"EventSource": "aws:sns", "Sns": sns(&line)}]})).into(),
            1,
        ),
        ("SQS", text(&sqs(&format!("{line}\n{line}"))).into(), 2),
        ("SQS answer", text(&json!({"Messages": [{"MessageId": "m", "Body": line}]})).into(), 1),
        (
            "SQS around SNS around a file",
            text(&sqs(&text(&sns(&text(&json!({"Records": [record, record]})))))).into(),
            2,
        ),
        ("Kinesis", text(&kinesis(line.as_bytes())).into(), 1),
        ("Kinesis around CloudWatch Logs", text(&kinesis(&gzip(text(&logs).as_bytes()))).into(), 2),
        (
            "Kinesis answer",
            text(&json!({"Records": [{"Data": base64(line.as_bytes()), "SequenceNumber": "1"}]})).into(),
            1,
        ),
        ("Firehose", text(&json!({"records": [{"recordId": "1", "data": base64(line.as_bytes())}]})).into(), 1),
        (
            "Kafka",
            text(&json!({"eventSource": "aws:kafka", "records": {"t-0": [{"value": base64(line.as_bytes())}],
                                                                       "t-1": [{"value": base64(line.as_bytes())}]}}))
            .into(),
            2,
        ),
        ("log router", text(&json!({"_raw": line})).into(), 1),
        ("log router, parsed", text(&json!({"_raw": {"Records": [record]}})).into(), 1),
        ("list of envelopes", json!([bridge("aws.ec2", "123456789012"), lookup]).to_string().into(), 2),
    ];
    for (name, payload, count) in cases {
        let decoded = decoded(&payload);
        assert_eq!((decoded.events.len(), decoded.rejects.as_slice()), (count, [].as_slice()), "{name}");
    }
    for (source, account, reason) in
        [("aws.ec2", "999999999999", RejectReason::BadField), ("my.app", "123456789012", RejectReason::NotARecord)]
    {
        assert_eq!(reasons(&decoded(bridge(source, account).to_string())), [reason], "{source} {account}");
    }
}

#[test]
fn a_digest_of_log_files_is_ignored_and_hides_nothing() {
    let digest = json!({"awsAccountId": "123456789012", "digestStartTime": "2026-01-01T00:00:00Z",
                        "digestS3Bucket": "b", "digestS3Object": "o", "logFiles": []});
    for payload in [digest.to_string(), format!("{digest:#}")] {
        let decoded = decoded(payload);
        assert_eq!((decoded.received, decoded.ignored, decoded.digests, decoded.rejects.len()), (1, 1, 1, 0));
    }
    let mut forged = digest;
    forged["Records"] = json!([deletion()]);
    let decoded = decoded(forged.to_string());
    assert_eq!((decoded.events.len(), decoded.digests), (1, 0));
}

#[test]
fn what_is_no_record_is_one_received_and_one_rejected() {
    use RejectReason::*;
    let with = |key: &str, value: serde_json::Value| record("ec2:DeleteVolume", &json!({ key: value })).to_string();
    let nested = format!("{}{}", "[".repeat(NESTING_MAX + 1), "]".repeat(NESTING_MAX + 1));
    let mut truncated = gzip(deletion().to_string().as_bytes());
    truncated.truncate(truncated.len() / 2);
    let mut cases: Vec<(&str, Vec<u8>, RejectReason)> = vec![
        ("nothing", Vec::new(), Empty),
        ("blanks", b" \n\t\r\n ".to_vec(), Empty),
        ("empty gzip", gzip(b""), Empty),
        ("a word", b"hello".to_vec(), NotJson),
        ("several words", b"hello\nworld\n{\n".to_vec(), NotJson),
        ("pretty, cut off", format!("{:#}", deletion()).into_bytes()[..300].to_vec(), NotJson),
        ("cut off", deletion().to_string().into_bytes()[..300].to_vec(), NotJson),
        ("not UTF-8", b"{\"eventName\":\"\xff\"}".to_vec(), NotUtf8),
        ("a number", b"12".to_vec(), NotARecord),
        ("null", b"null".to_vec(), NotARecord),
        ("another object", b"{}".to_vec(), NotARecord),
        ("nested lists", b"[[[[[[[[1]]]]]]]]".to_vec(), TooDeep),
        ("wrapped five deep", gzip(&gzip(&gzip(&gzip(&gzip(b"{}"))))), TooDeep),
        ("gzip, cut off", truncated, BadCompression),
        ("gzip of nothing we know", b"\x1f\x8bnonsense".to_vec(), BadCompression),
        ("no text inside", json!({"CloudTrailEvent": "{"}).to_string().into(), NotJson),
        ("S3 notification", with("eventSource", json!("aws:s3")).into(), NotARecord),
        ("no identity", with("userIdentity", json!(null)).into(), NoIdentity),
        ("identity of nobody", with("userIdentity", json!({})).into(), NoIdentity),
        ("identity of a wrong type", with("userIdentity", json!("me")).into(), BadField),
        ("no id", with("eventID", json!(null)).into(), NoName),
        ("no name", with("eventName", json!("")).into(), NoName),
        ("no source", with("eventSource", json!(null)).into(), NoName),
        ("name of a wrong type", with("eventName", json!(["DeleteVolume"])).into(), BadField),
        ("no time", with("eventTime", json!(null)).into(), BadTime),
        ("time of a wrong form", with("eventTime", json!("yesterday")).into(), BadTime),
        ("later than five minutes after now", with("eventTime", json!("2026-01-01T00:05:01Z")).into(), Future),
        ("before CloudTrail", with("eventTime", json!("2013-10-31T23:59:59Z")).into(), BeforeCloudTrail),
        ("nested", with("requestParameters", serde_json::from_str(&nested).expect("JSON")).into(), TooDeep),
        ("large", with("userAgent", json!("x".repeat(RECORD_BYTES_MAX))).into(), TooLarge),
        ("larger", vec![b' '; PAYLOAD_BYTES_MAX + 1], TooLarge),
    ];
    // Without optimisation it takes most of a minute to find out how large this is.
    if !cfg!(debug_assertions) {
        let bomb = gzip(&vec![b' '; 1 << 20]).repeat((DECOMPRESSED_BYTES_MAX >> 20) + 1);
        cases.push(("gzip bomb", bomb, TooLarge));
    }
    for (name, payload, reason) in cases {
        let decoded = decoded(&payload);
        assert_eq!((decoded.received, reasons(&decoded)), (1, vec![reason]), "{name}");
        assert_eq!(decoded.newest, None, "{name}: a reject moves no time");
    }
}

#[test]
fn a_sign_of_life_is_ignored() {
    let message = json!({"messageType": "CONTROL_MESSAGE", "logEvents": [{"message": "CWL CONTROL MESSAGE"}]});
    let decoded = decoded(gzip(message.to_string().as_bytes()));
    assert_eq!((decoded.received, decoded.ignored, decoded.newest), (1, 1, None));
}

/// What is inside a record is what somebody called AWS with: it is never taken for a wrapper, nor for a record.
#[test]
fn no_wrapper_is_seen_inside_a_record() {
    let inner = deletion();
    for overrides in [
        json!({"Records": [inner]}),
        json!({"requestParameters": {"Records": [inner]}}),
        json!({"requestParameters": {"entries": [{"detail": inner.to_string()}]}}),
        json!({"message": inner.to_string(), "body": inner.to_string(), "_raw": inner}),
        json!({"requestParameters": inner}),
    ] {
        let outer = record("events:PutEvents", &overrides);
        for payload in [outer.to_string(), json!({"Records": [outer, outer]}).to_string()] {
            let decoded = decoded(&payload);
            assert_eq!((decoded.events.len(), decoded.rejects.len()), (0, 0), "{payload}");
        }
    }
}

#[test]
fn of_a_list_that_is_cut_off_what_is_whole_is_read() {
    let records = json!({"Records": [deletion(), deletion(), deletion()]});
    for (file, ends) in [(records.to_string(), 40), (format!("{records:#}"), 60), (records["Records"].to_string(), 40)]
    {
        let decoded = decoded(&file[..file.len() - ends]);
        assert_eq!(decoded.events.len(), 2);
        assert_eq!(reasons(&decoded), [RejectReason::NotJson]);
    }
}

#[test]
fn one_bad_line_costs_no_other() {
    let line = deletion().to_string();
    let mut payload = format!("{line}\n").into_bytes();
    payload.extend_from_slice(b"{\"eventID\":\"\xc3\x28\"}\n");
    payload.extend_from_slice(format!("{line}\nnonsense\n{line}\n{}", &line[..line.len() - 1]).as_bytes());
    let decoded = decoded(&payload);
    assert_eq!(decoded.events.len(), 3);
    assert_eq!(reasons(&decoded), [RejectReason::NotUtf8, RejectReason::NotJson, RejectReason::NotJson]);
    assert_eq!(decoded.rejects.iter().map(|reject| reject.record).collect::<Vec<_>>(), [1, 3, 5]);
}

#[test]
fn a_bad_record_in_a_file_costs_no_other() {
    let bad = record("ec2:DeleteVolume", &json!({"userIdentity": null}));
    let decoded = decoded(json!({"Records": [deletion(), bad, 7, deletion()]}).to_string());
    assert_eq!(decoded.events.len(), 2);
    assert_eq!(reasons(&decoded), [RejectReason::NoIdentity, RejectReason::NotARecord]);
}

#[test]
fn samples_are_short_and_printable() {
    let decoded = decoded(format!("\x1b[31m{}\u{7}é", "ä".repeat(500)));
    let sample = &decoded.rejects[0].sample;
    assert!(
        sample.len() <= REJECT_SAMPLE_BYTES_MAX && sample.chars().all(|character| !character.is_control()),
        "{sample:?}"
    );
}

#[test]
fn records_and_rejects_of_a_payload_are_bounded() {
    let most = decoded(format!("[{}]", vec!["1"; RECORDS_PER_PAYLOAD_MAX].join(",")));
    assert_eq!(most.received, RECORDS_PER_PAYLOAD_MAX as u64);
    for payload in
        [format!("[{}]", vec!["1"; RECORDS_PER_PAYLOAD_MAX + 5].join(",")), "{}\n".repeat(RECORDS_PER_PAYLOAD_MAX + 5)]
    {
        let more = decoded(payload);
        assert_eq!(more.received, RECORDS_PER_PAYLOAD_MAX as u64 + 1, "the rest counts as one");
        assert_eq!(more.rejects.len(), REJECTS_PER_PAYLOAD_MAX);
    }
}

#[test]
fn resources_of_a_payload_are_bounded() {
    let ids: Vec<String> = (0..2 * RESOURCES_PER_EVENT_MAX).map(|number| format!("t-{number}")).collect();
    let line = record("x:DeleteThings", &json!({"requestParameters": {"thingIds": ids}})).to_string();
    let enough = RESOURCES_PER_PAYLOAD_MAX / RESOURCES_PER_EVENT_MAX;
    let decoded = decoded(vec![line; enough + 5].join("\n"));
    assert_eq!(decoded.events.len(), enough);
    assert_eq!(reasons(&decoded), [RejectReason::TooManyRecords]);
}

#[test]
fn reads_are_ignored_and_move_time() {
    let read = |time: &str, read_only: serde_json::Value| {
        record("ec2:DescribeInstances", &json!({"eventTime": time, "readOnly": read_only}))
    };
    let lines = format!(
        "{}\n{}\n{}",
        read("2025-12-31T23:59:10Z", json!(true)),
        read("2025-12-31T23:59:30Z", json!("true")),
        read("2025-12-31T23:59:20Z", json!(null))
    );
    let decoded = decoded(lines);
    assert_eq!((decoded.received, decoded.ignored), (3, 3));
    assert_eq!(decoded.newest, Second::parse("2025-12-31T23:59:30Z"));
}

#[test]
fn packed_messages_of_a_stream_are_opened() {
    let one = record("iam:DeleteUser", &json!({"requestParameters": {"userName": "anna"}})).to_string();
    let packed = aggregate(&[one.as_bytes(), one.as_bytes(), b"nonsense"]);
    let told = decoded(&packed);
    assert_eq!((told.received, told.events.len(), reasons(&told)), (3, 2, vec![RejectReason::NotJson]));
    let twice = aggregate(&[&packed]);
    assert_eq!(decoded(&twice).events.len(), 2);
    let deep = (0..9).fold(twice, |inner, _| aggregate(&[&inner]));
    assert_eq!(reasons(&decoded(deep)), [RejectReason::TooDeep]);
    assert_eq!(reasons(&decoded(aggregate(&[]))), [RejectReason::NotARecord]);
}

#[test]
fn a_message_that_begins_like_a_record_is_opened() {
    let one = record("iam:DeleteUser", &json!({"requestParameters": {"userName": "anna"}})).to_string();
    let message = format!(r#"{{"eventVersion":"1.0","eventSource":"aws:sqs","body":{}}}"#, json!(one));
    for payload in [message.clone(), format!(r#"{{"Records":[{message}]}}"#)] {
        assert_eq!(decoded(payload).events.len(), 1);
    }
}

#[test]
fn a_reject_tells_its_line_where_the_payload_holds_lines() {
    let record = record("ec2:TerminateInstances", &json!({})).to_string();
    let wrapped = json!({"Records": [{"body": format!("{{}}\n{record}\n{{}}")}]}).to_string();
    let list = format!("{{\"Records\":[{record},{{}}]}}");
    let bytes = |lines: &[&[u8]]| lines.join(&b'\n');
    for (payload, expected) in [
        (bytes(&[record.as_bytes(), b"{}", record.as_bytes(), b"{"]), vec![Some(2), Some(4)]),
        (bytes(&[b"", b" ", record.as_bytes(), b"", b"{}", b""]), vec![Some(5)]),
        (bytes(&[record.as_bytes(), b"{\"a\":\"\xff\"}", b"", b"{}"]), vec![Some(2), Some(4)]),
        // What is in a line is in that line, however many lines that makes.
        (bytes(&[record.as_bytes(), wrapped.as_bytes()]), vec![Some(2), Some(2)]),
        // No lines: then the number of the record says more.
        (list.clone().into_bytes(), vec![None]),
        (list.replace(",{}", ",\n{}").into_bytes(), vec![None]),
        (bytes(&[b"{", b"}"]), vec![None]),
        (b"{".to_vec(), vec![None]),
        (bytes(&[b"one", b"two"]), vec![None]),
    ] {
        let decoded = decoded(&payload);
        let lines: Vec<Option<usize>> = decoded.rejects.iter().map(|reject| reject.line).collect();
        assert_eq!(lines, expected, "{} {:?}", String::from_utf8_lossy(&payload), decoded.rejects);
    }
}
