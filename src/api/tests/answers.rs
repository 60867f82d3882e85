//! What is answered to whom.

use serde_json::json;

use super::*;
use crate::limits::VERDICT_REASON_BYTES_MAX;

#[tokio::test]
async fn answers_say_what_is_right_and_what_is_wrong() {
    let bench = start(Parts::default()).await;
    let resume = |reason: &str| json!({"verdict": "resume", "reason": reason, "break_glass": true}).to_string();
    let other = |verdict: &str| json!({"verdict": verdict, "reason": " because "}).to_string();
    let long = "x".repeat(VERDICT_REASON_BYTES_MAX + 1);
    let verdict = "/v1/incidents/{id}/verdict";
    for (method, path, who, body, status, told) in [
        ("GET", "/v1/status", "", String::new(), 401, "no valid token"),
        ("GET", "/v1/status", "stranger", String::new(), 401, "no valid token"),
        ("GET", "/v1/status", "sender", String::new(), 403, "lacks the role: read"),
        ("GET", "/v1/status", "reader", String::new(), 200, "\"connected\":true"),
        ("GET", "/v1/incidents", "reader", String::new(), 200, "\"incidents\":[{"),
        ("GET", "/v1/incidents?state=confirmed", "reader", String::new(), 200, "\"incidents\":[]"),
        ("GET", "/v1/incidents?state=merged", "reader", String::new(), 200, "\"incidents\":[]"),
        ("GET", "/v1/incidents?severity=critical&limit=1", "reader", String::new(), 200, "\"critical\""),
        ("GET", "/v1/incidents?limit=0", "reader", String::new(), 200, "\"incidents\":[]"),
        ("GET", "/v1/incidents?state=asleep", "reader", String::new(), 400, "filters are"),
        ("GET", "/v1/incidents?colour=red", "reader", String::new(), 400, "filters are"),
        ("GET", "/v1/incidents/{id}", "reader", String::new(), 200, "\"evidence\":["),
        ("GET", "/v1/incidents/tb-none", "reader", String::new(), 404, "no such incident"),
        ("GET", "/v1/nothing", "reader", String::new(), 404, "no such path"),
        ("DELETE", "/v1/incidents/{id}", "reader", String::new(), 405, "does not take this method"),
        ("POST", verdict, "reader", resume("because"), 403, "lacks the role: review"),
        ("POST", verdict, "reviewer", resume("because"), 200, "because, true"),
        ("POST", verdict, "reviewer", other("close"), 200, "closed: because"),
        ("POST", verdict, "reviewer", other("confirm"), 200, "confirmed: because"),
        ("POST", verdict, "reader", other("close"), 403, "lacks the role: review"),
        ("POST", verdict, "reviewer", other("approve"), 400, "or close or confirm"),
        ("POST", verdict, "reviewer", json!({"verdict": "close"}).to_string(), 400, "reason"),
        ("POST", verdict, "reviewer", resume("refuse"), 409, "\"hint\":\"ask another one\""),
        ("POST", verdict, "reviewer", resume("lose"), 503, "not in it yet"),
        ("POST", verdict, "reviewer", resume("  "), 400, "reason is empty"),
        ("POST", verdict, "reviewer", resume(&long), 400, "too long"),
        ("POST", verdict, "reviewer", "{\"verdict\":\"erase\"}".to_owned(), 400, "cannot be read"),
        ("POST", "/v1/incidents/tb-none/verdict", "reviewer", resume("because"), 404, "no such incident"),
        ("POST", "/v1/events", "reader", "{}".to_owned(), 403, "lacks the role: ingest"),
        ("POST", "/v1/events", "sender", "{}".to_owned(), 202, "\"received\":3"),
        ("POST", "/v1/events", "sender", "fail".to_owned(), 503, "cannot be written"),
    ] {
        let (code, answer) = bench.ask(method, path, who, body).await;
        assert_eq!(code, status, "{method} {path} by {who:?}: {answer}");
        assert!(answer.to_string().contains(told), "{method} {path} by {who:?}: {answer}");
    }
}

#[tokio::test]
async fn without_tokens_everybody_is_refused_and_without_a_source_so_are_events() {
    let bench = start(Parts { files: declared(&[]), ..Parts::default() }).await;
    assert_eq!(bench.ask("GET", "/v1/status", "reader", "").await.0, 401);
    let bench = start(Parts { journal: None, ..Parts::default() }).await;
    let (code, answer) = bench.ask("POST", "/v1/events", "sender", "{}").await;
    assert_eq!(code, 404, "{answer}");
}
