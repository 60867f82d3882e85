//! Writes CloudTrail records: one call after another, each by a caller, in the shape and field order of AWS.

use fastrand::Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::caller::Caller;
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

/// Where a scenario plays: one account, one region, three of its zones, each with a subnet.
#[derive(Clone)]
pub(super) struct Place {
    /// AWS's partition: `aws`, or `aws-cn` for the regions in China.
    pub(super) partition: &'static str,
    pub(super) account: String,
    pub(super) region: &'static str,
    pub(super) zones: [String; 3],
    pub(super) subnets: [String; 3],
    pub(super) vpc: String,
}

/// Regions, and the letters of their zones that an account sees.
const REGIONS: [(&str, &str); 6] = [
    ("us-east-1", "abcdf"),
    ("us-west-2", "abcd"),
    ("eu-west-1", "abc"),
    ("eu-central-1", "abc"),
    ("ap-southeast-2", "abc"),
    ("ap-northeast-1", "acd"),
];
const REGIONS_IN_CHINA: [(&str, &str); 2] = [("cn-north-1", "abd"), ("cn-northwest-1", "abc")];

impl Place {
    fn new(random: &mut Rng) -> Self {
        let account = format!("{:012}", random.u64(100_000_000_000..1_000_000_000_000));
        let region = pick(random, &REGIONS);
        Self::of(random, account, "aws", region)
    }

    /// A region in China, and so another partition, with an account of its own.
    pub(super) fn china(random: &mut Rng) -> Self {
        let account = format!("{:012}", random.u64(100_000_000_000..1_000_000_000_000));
        let region = pick(random, &REGIONS_IN_CHINA);
        Self::of(random, account, "aws-cn", region)
    }

    /// So many regions of the same account, this one first.
    pub(super) fn with_other_regions(&self, random: &mut Rng, regions: usize) -> Vec<Self> {
        let mut others: Vec<_> = REGIONS.into_iter().filter(|(region, _)| *region != self.region).collect();
        random.shuffle(&mut others);
        let mut places = vec![self.clone()];
        for region in others.into_iter().take(regions.saturating_sub(1)) {
            places.push(Self::of(random, self.account.clone(), self.partition, region));
        }
        places
    }

    fn of(random: &mut Rng, account: String, partition: &'static str, region: (&'static str, &str)) -> Self {
        let (region, letters) = region;
        let mut letters: Vec<char> = letters.chars().collect();
        while letters.len() > 3 {
            let dropped = random.usize(..letters.len());
            letters.remove(dropped);
        }
        let mut letters = letters.into_iter();
        Self {
            partition,
            account,
            region,
            zones: std::array::from_fn(|_| format!("{region}{}", letters.next().unwrap_or('a'))),
            subnets: std::array::from_fn(|_| server_id(random, "subnet")),
            vpc: server_id(random, "vpc"),
        }
    }

    /// An ARN in this account and region.
    pub(super) fn arn(&self, service: &str, rest: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{rest}", self.partition, self.region, self.account)
    }

    /// An ARN of IAM, which is in no region.
    pub(super) fn iam_arn(&self, rest: &str) -> String {
        format!("arn:{}:iam::{}:{rest}", self.partition, self.account)
    }

    /// The domain under which services are reached.
    pub(super) fn domain(&self) -> &'static str {
        if self.partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" }
    }

    /// The region in which the records of services without one are written.
    fn global_region(&self) -> &'static str {
        if self.partition == "aws-cn" { "cn-north-1" } else { "us-east-1" }
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
}

impl Writer {
    /// A writer for the scenario of this name.
    pub(super) fn new(options: &Options, name: &str) -> Self {
        // Scenarios of one seed must not share event ids, or two trails laid together would look like copies.
        let name = name
            .bytes()
            .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3));
        let mut random = Rng::with_seed(options.seed ^ name);
        let place = Place::new(&mut random);
        let version = pick(&mut random, &["1.08", "1.09", "1.11"]);
        Self { random, place, start: options.start, version, records: Vec::new(), answers: None }
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

    /// The trail, in the order of event time.
    pub(super) fn finish(mut self) -> Vec<Record> {
        self.records.sort_by_key(|(at_ms, _)| *at_ms);
        self.records.into_iter().map(|(_, record)| record).collect()
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
