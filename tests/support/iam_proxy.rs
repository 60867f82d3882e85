//! Stands between `act` and IAM: sees each change, and can make IAM what it is on AWS (a change that is accepted takes
//! effect seconds later) or hold a call, so that a process can be killed in the middle of it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use trailbrake_detectors::time::Millis;

use super::Holding;
use super::agent::{DESTRUCTIVE, EVERYTHING};
use super::query::all;
use super::web::{self, Answer, Asked, Service};

/// What happens to a change on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    /// It goes through.
    Open,
    /// It is held before it reaches IAM.
    HeldBefore,
    /// It reaches IAM, and the answer is held.
    HeldAfter,
}

/// One change as it was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// `AttachRolePolicy` and its like.
    pub(crate) action: String,
    /// Whether it changed anything: not attached before, attached after, or the other way round.
    pub(crate) had_effect: bool,
    /// When it was asked for.
    pub(crate) asked: Millis,
    /// When IAM enforced it.
    pub(crate) in_place: Millis,
}

/// The proxy at work.
pub(crate) struct IamProxy {
    service: Service,
    shared: Arc<Shared>,
}

type Attachment = (String, String);

struct Shared {
    upstream: String,
    client: reqwest::Client,
    delay: Duration,
    passage: watch::Sender<Passage>,
    /// How many changes are being held.
    held: watch::Sender<usize>,
    state: Mutex<Known>,
    late: mpsc::UnboundedSender<(Instant, Millis, Asked)>,
}

#[derive(Default)]
struct Known {
    changes: Vec<Change>,
    refusals: Vec<String>,
    /// What is attached, as IAM enforces it.
    enforced: BTreeSet<Attachment>,
    /// How many of the next changes are throttled.
    throttling: usize,
    /// What was accepted and is not enforced yet: attached or detached.
    pending: Vec<(Attachment, bool)>,
}

impl IamProxy {
    /// Starts it in front of `upstream`; accepted changes take effect after `delay`.
    pub(crate) async fn start(upstream: &str, delay: Duration) -> Self {
        // Holds the changes of one delay: as many as one `act` makes, which waits for each.
        let (late, mut queue) = mpsc::unbounded_channel::<(Instant, Millis, Asked)>();
        let (passage, held) = (watch::channel(Passage::Open).0, watch::channel(0).0);
        let (client, state) = (web::client(), Mutex::default());
        let shared = Arc::new(Shared { upstream: upstream.to_owned(), client, delay, passage, held, state, late });
        let weak = Arc::downgrade(&shared);
        tokio::spawn(async move {
            while let Some((due, at, asked)) = queue.recv().await {
                tokio::time::sleep_until(due).await;
                let Some(shared) = weak.upgrade() else { break };
                let answer = shared.apply(&asked, at).await;
                assert!(answer.status.is_success(), "IAM refused what it had accepted: {}", answer.text());
                shared.state().pending.remove(0);
            }
        });
        let router = Router::new().fallback(handle).with_state(shared.clone());
        Self { service: web::serve(router).await, shared }
    }

    /// Where `act` calls.
    pub(crate) fn url(&self) -> &str {
        &self.service.url
    }

    /// What happens to changes from here on, also to those that are held.
    pub(crate) fn passage(&self, passage: Passage) {
        self.shared.passage.send_replace(passage);
    }

    /// Throttles so many of the next changes, as IAM does with who calls too often.
    pub(crate) fn throttle(&self, changes: usize) {
        self.shared.state().throttling = changes;
    }

    /// How many changes are still to be throttled.
    pub(crate) fn throttling(&self) -> usize {
        self.shared.state().throttling
    }

    /// Waits until a change is held.
    pub(crate) async fn holds(&self) {
        super::holds(&self.shared.held, "a change that waits").await;
    }

    /// What IAM refused, and how.
    pub(crate) fn refusals(&self) -> Vec<String> {
        self.shared.state().refusals.clone()
    }

    /// All changes that reached IAM, in their order.
    pub(crate) fn changes(&self) -> Vec<Change> {
        self.shared.state().changes.clone()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, Known> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_throttled(&self) -> bool {
        let mut state = self.state();
        let is_throttled = state.throttling > 0;
        state.throttling = state.throttling.saturating_sub(1);
        is_throttled
    }

    async fn pass_on(&self, asked: &Asked) -> Answer {
        let answer = asked.pass_on(&self.client, &self.upstream).await.unwrap_or_else(|error| Answer {
            status: StatusCode::BAD_GATEWAY,
            headers: HeaderMap::new(),
            body: Bytes::from(error.to_string()),
        });
        if !answer.status.is_success() {
            self.state().refusals.push(format!("{:?}: {}: {}", asked.parameters(), answer.status, answer.text()));
        }
        answer
    }

    /// Whether this is attached, as far as IAM's control plane knows.
    fn has_accepted(&self, attachment: &Attachment) -> bool {
        let state = self.state();
        let last = state.pending.iter().rev().find(|(pending, _)| pending == attachment);
        last.map_or_else(|| state.enforced.contains(attachment), |(_, attached)| *attached)
    }

    /// Lets a change reach IAM.
    async fn apply(&self, asked: &Asked, at: Millis) -> Answer {
        let answer = self.pass_on(asked).await;
        let in_place = super::now();
        let (action, attachment) = attachment(asked);
        if answer.status.is_success() {
            let mut state = self.state();
            let had_effect = if action.starts_with("Attach") {
                state.enforced.insert(attachment)
            } else {
                state.enforced.remove(&attachment)
            };
            state.changes.push(Change { action, had_effect, asked: at, in_place });
        }
        answer
    }

    /// Waits while changes are held at this place.
    async fn held_at(&self, place: Passage) {
        let mut passage = self.passage.subscribe();
        if *passage.borrow() != place {
            return;
        }
        let _holding = Holding::new(&self.held);
        let _ = passage.wait_for(|passage| *passage != place).await;
    }
}

async fn handle(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let (asked, at) = (Asked { method, uri, headers, body }, super::now());
    let (action, attachment) = attachment(&asked);
    match action.as_str() {
        "AttachRolePolicy" | "AttachUserPolicy" | "DetachRolePolicy" | "DetachUserPolicy" => {
            if ![DESTRUCTIVE, EVERYTHING].iter().any(|ours| attachment.1.ends_with(&format!(":policy/{ours}"))) {
                return refusal(
                    StatusCode::FORBIDDEN,
                    "AccessDenied",
                    &format!("not authorized to perform: iam:{action}"),
                );
            }
            if shared.is_throttled() {
                return refusal(StatusCode::BAD_REQUEST, "Throttling", "Rate exceeded");
            }
            shared.held_at(Passage::HeldBefore).await;
            let is_refused = action.starts_with("Detach") && !shared.has_accepted(&attachment);
            if shared.delay.is_zero() || is_refused {
                // A task of its own: a call that has reached IAM is carried out, whoever hangs up.
                let (own, asked) = (shared.clone(), asked.clone());
                let answer = tokio::spawn(async move { own.apply(&asked, at).await }).await.expect("applied");
                shared.held_at(Passage::HeldAfter).await;
                return answer.into();
            }
            shared.state().pending.push((attachment, action.starts_with("Attach")));
            let _ = shared.late.send((Instant::now() + shared.delay, at, asked));
            xml(&format!("<{action}Response>{METADATA}</{action}Response>"))
        }
        "ListAttachedRolePolicies" | "ListAttachedUserPolicies" => {
            let answer = shared.pass_on(&asked).await;
            let pending = shared.state().pending.clone();
            if answer.status.is_success() && !pending.is_empty() {
                return xml(&listing(&action, &attachment.0, &answer.text(), &pending));
            }
            answer.into()
        }
        _ => shared.pass_on(&asked).await.into(),
    }
}

const METADATA: &str =
    "<ResponseMetadata><RequestId>00000000-0000-4000-a000-000000000000</RequestId></ResponseMetadata>";

/// An error in IAM's words. `AccessDenied` is what `iam:PolicyARN` in the hook's rights does on AWS, and the stand-ins do
/// not know.
fn refusal(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    let error = format!("<Type>Sender</Type><Code>{code}</Code><Message>{message}</Message>");
    let mut response = xml(&format!("<ErrorResponse><Error>{error}</Error></ErrorResponse>"));
    *response.status_mut() = status;
    response
}

/// What a call is about: its action, the entity and the policy.
fn attachment(asked: &Asked) -> (String, Attachment) {
    let parameters = asked.parameters();
    let of = |name: &str| parameters.get(name).cloned();
    let entity = of("RoleName").or(of("UserName")).unwrap_or_default();
    (of("Action").unwrap_or_default(), (entity, of("PolicyArn").unwrap_or_default()))
}

/// IAM's listing, with what it has accepted: the control plane knows before the data plane does.
fn listing(action: &str, entity: &str, answer: &str, pending: &[(Attachment, bool)]) -> String {
    let mut policies: Vec<String> = all(answer, "PolicyArn").into_iter().map(str::to_owned).collect();
    for ((_, policy), attached) in pending.iter().filter(|((of, _), _)| of == entity) {
        policies.retain(|known| known != policy);
        if *attached {
            policies.push(policy.clone());
        }
    }
    let members = policies.iter().map(|policy| {
        let name = policy.rsplit('/').next().unwrap_or_default();
        format!("<member><PolicyName>{name}</PolicyName><PolicyArn>{policy}</PolicyArn></member>")
    });
    let members: String = members.collect();
    let result = format!("<AttachedPolicies>{members}</AttachedPolicies><IsTruncated>false</IsTruncated>");
    format!("<{action}Response><{action}Result>{result}</{action}Result>{METADATA}</{action}Response>")
}

fn xml(text: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(text.to_owned()));
    response.headers_mut().insert("content-type", HeaderValue::from_static("text/xml"));
    response
}
