//! Writes CloudTrail records: one call after another, each by a caller, in the shape and field order of AWS.

use fastrand::Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::caller::Caller;
pub(super) use super::place::Place;
use super::{Options, Record, refusal};
use crate::time::Second;

/// A CloudTrail record, in the order in which AWS writes its fields.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Wire {
    pub(super) event_version: String,
    pub(super) user_identity: Value,
    pub(super) event_time: String,
    pub(super) event_source: String,
    pub(super) event_name: String,
    pub(super) aws_region: String,
    #[serde(rename = "sourceIPAddress")]
    pub(super) source_ip_address: String,
    pub(super) user_agent: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error_message: Option<String>,
    pub(super) request_parameters: Value,
    pub(super) response_elements: Value,
    #[serde(rename = "requestID")]
    pub(super) request_id: String,
    #[serde(rename = "eventID")]
    pub(super) event_id: String,
    pub(super) read_only: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) resources: Vec<Value>,
    pub(super) event_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) api_version: Option<String>,
    pub(super) management_event: bool,
    pub(super) recipient_account_id: String,
    pub(super) event_category: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tls_details: Option<Value>,
}

/// What a call does, as far as the trail's flags go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Read,
    Write,
    Destroy,
}

/// One call of an API, before it is known who makes it and when.
#[derive(Clone)]
pub(super) struct Call {
    service: &'static str,
    name: &'static str,
    request: Value,
    response: Value,
    manner: Manner,
    error: Option<(String, String)>,
    resources: Vec<Value>,
}

impl Call {
    /// A call that only reads: CloudTrail leaves its response out.
    pub(super) fn read(service: &'static str, name: &'static str, request: Value) -> Self {
        Self { service, name, request, response: Value::Null, manner: Manner::Read, error: None, resources: Vec::new() }
    }

    /// A call that changes something.
    pub(super) fn write(service: &'static str, name: &'static str, request: Value, response: Value) -> Self {
        Self { response, manner: Manner::Write, ..Self::read(service, name, request) }
    }

    /// A call that ends the life of a resource.
    pub(super) fn destroy(service: &'static str, name: &'static str, request: Value, response: Value) -> Self {
        Self { response, manner: Manner::Destroy, ..Self::read(service, name, request) }
    }

    /// A reading call whose response is recorded all the same, as those of STS are.
    pub(super) fn with_response(mut self, response: Value) -> Self {
        self.response = response;
        self
    }

    /// Fills the record's `resources`, which only some services do.
    pub(super) fn with_resource(mut self, resource: Value) -> Self {
        self.resources.push(resource);
        self
    }

    /// The same call, failed: it changed nothing.
    pub(super) fn failed(mut self, code: &str, message: String) -> Self {
        self.error = Some((code.to_owned(), message));
        self.response = Value::Null;
        self
    }

    /// The same call, throttled: CloudTrail does not record the parameters of these.
    pub(super) fn throttled(self) -> Self {
        let (code, message) = match self.service {
            "ec2" => ("Client.RequestLimitExceeded", "Request limit exceeded."),
            "rds" | "elasticache" | "elasticloadbalancing" => ("Throttling", "Rate exceeded"),
            _ => ("ThrottlingException", "Rate exceeded"),
        };
        Self { request: Value::Null, ..self.failed(code, message.to_owned()) }
    }
}

/// Collects the calls of a scenario and turns them into a trail.
pub(super) struct Writer {
    pub(super) random: Rng,
    pub(super) place: Place,
    start: Second,
    version: &'static str,
    records: Vec<(i64, Record)>,
    /// Who answers for it all, where that is not who makes the leading calls.
    answers: Option<String>,
    options: Options,
    /// What writes on where a trail is too long to be written at once.
    flow: Option<Box<dyn Flow>>,
}

/// A trail that is written piece by piece.
pub(super) trait Flow {
    /// Writes on. Returns an offset from the start, in milliseconds, before which all is written; nothing at the end.
    fn write_on(&mut self, writer: &mut Writer) -> Option<i64>;
}

impl Writer {
    /// A writer for the scenario of this name.
    pub(super) fn new(options: &Options, name: &str) -> Self {
        // Scenarios of one seed must not share event ids, or two trails laid together would look like copies.
        // The name and not a place in the list decides, so that a new scenario changes no other's trail.
        let number = name
            .bytes()
            .fold(0xCBF2_9CE4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3));
        let mut random = Rng::with_seed(options.seed ^ number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let place = Place::new(&mut random);
        let version = pick(&mut random, &["1.08", "1.09", "1.11"]);
        let options = *options;
        Self { random, place, start: options.start, version, records: Vec::new(), answers: None, options, flow: None }
    }

    /// What the trail is made from.
    pub(super) fn options(&self) -> Options {
        self.options
    }

    /// Leaves the rest of the trail to a flow.
    pub(super) fn leave_to(&mut self, flow: impl Flow + 'static) {
        self.flow = Some(Box::new(flow));
    }

    /// Has the flow, if there is one, write on. Returns an offset before which all is written, or nothing at the end.
    pub(super) fn go_on(&mut self) -> Option<i64> {
        let mut flow = self.flow.take()?;
        let written_until_ms = flow.write_on(self)?;
        self.flow = Some(flow);
        Some(written_until_ms)
    }

    /// The second in which an offset from the start, in milliseconds, falls.
    pub(super) fn second(&self, at_ms: i64) -> Second {
        self.start.plus(at_ms.div_euclid(1000))
    }

    /// A number of milliseconds between two numbers of seconds.
    pub(super) fn between(&mut self, seconds_min: i64, seconds_max: i64) -> i64 {
        self.random.i64(seconds_min * 1000..=seconds_max * 1000)
    }

    /// True in so many of a hundred cases.
    pub(super) fn chance(&mut self, percent: u32) -> bool {
        self.random.u32(..100) < percent
    }

    /// Writes one call, made at an offset from the start in milliseconds.
    pub(super) fn call(&mut self, caller: &Caller, at_ms: i64, call: Call) {
        let time = self.second(at_ms);
        let request_id = uuid(&mut self.random);
        let event_id = uuid(&mut self.random);
        let (error_code, error_message) = call.error.unzip();
        let global = matches!(call.service, "iam" | "route53" | "cloudfront");
        let region = if global { self.place.global_region() } else { self.place.region };
        let host = endpoint(call.service, &self.place, global);
        let wire = Wire {
            event_version: self.version.to_owned(),
            user_identity: caller.identity.clone(),
            event_time: time.to_string(),
            event_source: format!("{}.amazonaws.com", call.service),
            event_name: call.name.to_owned(),
            aws_region: region.to_owned(),
            source_ip_address: caller.address.clone(),
            user_agent: caller.user_agent(call.service, call.name),
            error_code,
            error_message,
            request_parameters: call.request,
            response_elements: answered(call.service, call.response, &request_id),
            request_id,
            event_id,
            read_only: call.manner == Manner::Read,
            resources: call.resources,
            event_type: "AwsApiCall".to_owned(),
            api_version: api_version(call.service).map(str::to_owned),
            management_event: true,
            recipient_account_id: self.place.account.clone(),
            event_category: "Management".to_owned(),
            tls_details: caller.direct.then(|| {
                json!({"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256", "clientProvidedHostHeader": host})
            }),
        };
        let record = Record {
            time,
            json: to_line(&wire),
            entity: caller.entity.clone(),
            destructive: caller.leading && call.manner == Manner::Destroy,
        };
        self.records.push((at_ms, record));
    }

    /// Writes a call as a tool makes it that backs off and repeats what was throttled; returns when it got through.
    pub(super) fn persist(&mut self, caller: &Caller, at_ms: i64, call: Call) -> i64 {
        let mut now = at_ms;
        let mut wait = 400;
        for _ in 0..3 {
            if !self.chance(5) {
                break;
            }
            self.call(caller, now, call.clone().throttled());
            now += wait + self.random.i64(0..300);
            wait *= 2;
        }
        self.call(caller, now, call);
        now
    }

    /// Writes one call that the caller has no right to make.
    pub(super) fn denied(&mut self, caller: &Caller, at_ms: i64, call: Call) {
        self.call(caller, at_ms, call);
        if let Some((_, record)) = self.records.last_mut() {
            *record = refusal::denied(record);
        }
    }

    /// Says who answers for it all: an ARN of a role or user.
    pub(super) fn answers(&mut self, entity: &str) {
        self.answers = Some(entity.to_owned());
    }

    /// The ARN of who answers for what the scenario is about; empty if nobody does.
    pub(super) fn principal(&self) -> String {
        let leading = self.records.iter().find(|(_, record)| record.destructive);
        self.answers.clone().or_else(|| leading.map(|(_, record)| record.entity.clone())).unwrap_or_default()
    }

    /// How many of the records held fall before an offset.
    pub(super) fn count_until(&self, until_ms: i64) -> usize {
        self.records.iter().filter(|(at_ms, _)| *at_ms < until_ms).count()
    }

    /// Takes the records before an offset, in the order of event time.
    pub(super) fn take_until(&mut self, until_ms: i64) -> Vec<Record> {
        self.records.sort_by_key(|(at_ms, _)| *at_ms);
        let end = self.records.partition_point(|(at_ms, _)| *at_ms < until_ms);
        self.records.drain(..end).map(|(_, record)| record).collect()
    }

    /// Nobody in the records held is whom the scenario is about.
    pub(super) fn lead_nobody(&mut self) {
        for (_, record) in &mut self.records {
            record.destructive = false;
        }
    }

    /// Adds a record that another writer made.
    pub(super) fn add(&mut self, record: Record) {
        let at_ms = (record.time.0 - self.start.0) * 1000;
        self.records.push((at_ms, record));
    }
}

/// A record as one line of JSON, with the fields in AWS's order (which `Value` would not keep).
pub(super) fn to_line(wire: &Wire) -> String {
    // Serializing fails only on maps whose keys are no strings, and there are none in a record.
    serde_json::to_string(wire).unwrap_or_default()
}

/// One of several.
pub(super) fn pick<T: Copy>(random: &mut Rng, choices: &[T]) -> T {
    choices[random.usize(..choices.len())]
}

/// A random UUID (version 4).
pub(super) fn uuid(random: &mut Rng) -> String {
    uuid_of(random.u128(..))
}

/// The UUID (version 4) made of these bits.
pub(super) fn uuid_of(bits: u128) -> String {
    let bits = (bits & !(0xF000 << 64) & !(0xC000 << 48)) | (0x4000 << 64) | (0x8000 << 48);
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// An identifier as EC2 assigns them: `i-0` and 16 hexadecimal digits.
pub(super) fn server_id(random: &mut Rng, prefix: &str) -> String {
    format!("{prefix}-0{:016x}", random.u64(..))
}

/// An identifier in the alphabet of IAM's unique ids and access keys.
pub(super) fn unique_id(random: &mut Rng, prefix: &str, length: usize) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut id = String::from(prefix);
    id.extend((id.len()..length).map(|_| char::from(pick(random, ALPHABET))));
    id
}

/// EC2 repeats the request's id in its response.
fn answered(service: &str, mut response: Value, request_id: &str) -> Value {
    if service != "ec2" {
        return response;
    }
    if let Some(fields) = response.as_object_mut() {
        let wrapped = fields.iter_mut().find(|(key, value)| key.ends_with("Response") && value.is_object());
        match wrapped {
            Some((_, Value::Object(inner))) => inner.insert("requestId".to_owned(), json!(request_id)),
            _ => fields.insert("requestId".to_owned(), json!(request_id)),
        };
    }
    response
}

fn endpoint(service: &str, place: &Place, is_global: bool) -> String {
    let Place { region, .. } = place;
    if is_global { format!("{service}.{}", place.domain()) } else { format!("{service}.{region}.{}", place.domain()) }
}

/// The services that write an API version into their records.
fn api_version(service: &str) -> Option<&'static str> {
    match service {
        "dynamodb" => Some("2012-08-10"),
        "elasticloadbalancing" => Some("2015-12-01"),
        "logs" => Some("20140328"),
        _ => None,
    }
}
