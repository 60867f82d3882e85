//! Benign: a cluster's controller retires some twenty nodes within minutes that it launched half a day ago.

use super::caller::Role;
use super::habit::{Broker, Habit, Sessions, keep};
use super::resource::{Kind, Resource};
use super::writer::{Call, Writer, pick, server_id};
use super::{ec2, fleet, routine};

const AGENT: &str = "aws-sdk-go-v2/1.39.0 ua/2.1 os/linux lang/go#1.24.6 md/GOOS#linux md/GOARCH#amd64 \
    api/ec2#1.251.2 m/g,n,u karpenter.sh-1.6.3";
const HOUR: i64 = 60 * 60;
/// A node that is retired with many others is at least this old ...
const YOUNGEST_MS: i64 = 12 * HOUR * 1000;
/// ... and at most this.
const OLDEST_MS: i64 = 24 * HOUR * 1000;

pub(super) fn write(writer: &mut Writer) {
    let start_ms = writer.between(60, 600);
    let mut controller = Controller::new(writer);
    // The day's load comes, stays, and goes.
    let wanted = writer.random.usize(26..=44);
    let mut now_ms = start_ms;
    while controller.nodes.len() < wanted {
        now_ms = controller.launch(writer, now_ms) + writer.between(10, 600);
    }
    let due_ms = now_ms + YOUNGEST_MS + writer.between(10 * 60, 3 * HOUR);
    now_ms = keep(writer, &mut controller, now_ms, due_ms);
    let over_ms = controller.consolidate(writer, now_ms);
    let until_ms = over_ms + writer.between(10 * 60, 40 * 60);
    keep(writer, &mut controller, over_ms + 60_000, until_ms);
    routine::sparse_traffic(writer, until_ms, 2);
}

/// A controller that launches nodes for what has to run, and retires what is not needed.
pub(super) struct Controller {
    sessions: Sessions,
    cluster: String,
    template: Option<(String, String)>,
    /// Each node, and when it was launched.
    nodes: Vec<(i64, Resource)>,
    launched: usize,
}

impl Controller {
    pub(super) fn new(writer: &mut Writer) -> Self {
        let product = pick(&mut writer.random, &["apps", "batch", "platform", "ml", "edge"]);
        let cluster = format!("{product}-{}", pick(&mut writer.random, &["prod", "eu", "main", "blue"]));
        let role = Role::new(writer, "/", &format!("KarpenterControllerRole-{cluster}"));
        let broker = Broker::pod(writer, "kube-system:karpenter", AGENT);
        let sessions = Sessions::new(writer, role, "karpenter", broker, AGENT);
        Self { sessions, cluster, template: None, nodes: Vec::new(), launched: 0 }
    }

    /// Launches a node; returns when it is tagged.
    fn launch(&mut self, writer: &mut Writer, at_ms: i64) -> i64 {
        let caller = self.sessions.at(writer, at_ms);
        let place = writer.place.clone();
        let mut now_ms = at_ms + 300;
        let template = match &self.template {
            Some((name, _)) if !writer.chance(10) => name.clone(),
            old => {
                let old = old.clone();
                let id = server_id(&mut writer.random, "lt");
                let name = format!("karpenter.k8s.aws/{}", writer.random.u64(..));
                let at = writer.second(now_ms);
                let call = fleet::create_template(&name, &id, &place, at, &mut writer.random);
                now_ms = writer.persist(&caller, now_ms, call) + 400;
                if let Some((name, id)) = old {
                    writer.call(&caller, now_ms + 900, fleet::delete_template(&name, &id, &place, at));
                }
                self.template = Some((name.clone(), id));
                name
            }
        };
        let zone = writer.random.usize(..3);
        self.launched += 1;
        let suffix = format!("node-{:05x}", writer.random.u32(..0x000F_FFFF));
        let node = Resource::new(&mut writer.random, Kind::Instance, &self.cluster, &suffix, zone);
        let call = fleet::create_node(&node, &self.cluster, &template, &place, &mut writer.random);
        let launched_ms = writer.persist(&caller, now_ms, call);
        writer.call(&caller, launched_ms + 700, ec2::describe_instance(&node));
        let tagged_ms = launched_ms + writer.between(25, 70);
        writer.call(&caller, tagged_ms, fleet::tag_node(&node));
        self.nodes.push((launched_ms, node));
        tagged_ms
    }

    /// Retires a node and what is drained with it; returns when that is done.
    fn retire(&mut self, writer: &mut Writer, at_ms: i64, nodes: &[Resource]) -> i64 {
        let caller = self.sessions.at(writer, at_ms);
        let named: Vec<&Resource> = nodes.iter().collect();
        let gone_ms = writer.persist(&caller, at_ms + 200, ec2::terminate(&named));
        for node in nodes {
            let at_ms = gone_ms + writer.random.i64(400..3_000);
            writer.call(&caller, at_ms, ec2::describe_instance(node));
        }
        gone_ms
    }

    /// The load is gone: fewer and larger nodes take what is left, and some twenty go within about three minutes.
    fn consolidate(&mut self, writer: &mut Writer, at_ms: i64) -> i64 {
        let mut now_ms = at_ms;
        for _ in 0..writer.random.u8(1..=4) {
            now_ms = self.launch(writer, now_ms);
        }
        let is_due = |launched_ms: i64| (YOUNGEST_MS..OLDEST_MS).contains(&(now_ms - launched_ms));
        let most = writer.random.usize(18..=24);
        let (mut due, kept): (Vec<_>, Vec<_>) = self.nodes.drain(..).partition(|(launched_ms, _)| is_due(*launched_ms));
        self.nodes = kept;
        self.nodes.extend(due.split_off(due.len().min(most)));
        let due: Vec<Resource> = due.into_iter().map(|(_, node)| node).collect();
        let span_ms = writer.between(150, 210);
        let mut left: &[Resource] = &due;
        let calls = due.len().max(1) as i64;
        while !left.is_empty() {
            // The controller gathers what is to go within a second.
            let together = if writer.chance(75) { 1 } else { writer.random.usize(2..=4) };
            let (batch, rest) = left.split_at(together.min(left.len()));
            self.retire(writer, now_ms, batch);
            now_ms += span_ms * batch.len() as i64 / calls;
            left = rest;
        }
        now_ms
    }
}

impl Habit for Controller {
    fn act(&mut self, writer: &mut Writer, at_ms: i64) -> i64 {
        let old = self.nodes.iter().filter(|(launched_ms, _)| at_ms - launched_ms > YOUNGEST_MS).count();
        let now_ms = match writer.random.u8(..100) {
            0..4 if old > 20 => self.consolidate(writer, at_ms),
            0..45 if self.nodes.len() < 60 => self.launch(writer, at_ms),
            // Of the newest, one is not needed any more.
            45..80 if self.nodes.len() > 24 => match self.nodes.pop() {
                Some((_, node)) => self.retire(writer, at_ms, &[node]),
                None => at_ms,
            },
            _ => {
                let caller = self.sessions.at(writer, at_ms);
                let call = look(writer);
                writer.call(&caller, at_ms + 100, call);
                at_ms
            }
        };
        now_ms + writer.between(60, 1_200)
    }
}

fn look(writer: &mut Writer) -> Call {
    match writer.random.u8(..4) {
        0 => ec2::describe_filtered("DescribeInstances", &["instancesSet"], "tag-key", "karpenter.sh/nodepool"),
        1 => ec2::describe_filtered("DescribeSubnets", &["subnetSet"], "tag-key", "karpenter.sh/discovery"),
        2 => ec2::describe_filtered("DescribeImages", &["imagesSet", "ownersSet"], "name", "amazon-eks-node-*"),
        _ => {
            let name = "/aws/service/eks/optimized-ami/1.33/amazon-linux-2023/x86_64/standard/recommended/image_id";
            Call::read("ssm", "GetParameter", serde_json::json!({"name": name, "withDecryption": false}))
        }
    }
}
