//! The resources that scenarios create and destroy, and the calls that do it.

use fastrand::Rng;

use super::writer::{Call, Place, Writer, pick, server_id};
use super::{ec2, serving, small, stores};
use crate::time::Second;

/// What a resource is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Instance,
    NatGateway,
    SecurityGroup,
    Database,
    Table,
    Cache,
    Service,
    LoadBalancer,
    TargetGroup,
    Function,
    LogGroup,
    Cluster,
    Topic,
    Queue,
    Parameter,
    Alarm,
    Rule,
}

/// One resource.
#[derive(Clone)]
pub(super) struct Resource {
    pub(super) kind: Kind,
    /// The name that its maker gave it (for what EC2 names itself, the `Name` tag).
    pub(super) name: String,
    /// The part of its identity that the service assigned.
    pub(super) id: String,
    /// Which of the place's three zones it is in, where it is in one.
    pub(super) zone: usize,
    /// The environment that it belongs to; also names its cluster and its database's subnet group.
    pub(super) environment: String,
    /// Its instance type, for instances.
    pub(super) size: &'static str,
}

impl Resource {
    /// A resource with an identity of its own.
    pub(super) fn new(random: &mut Rng, kind: Kind, environment: &str, name: &str, zone: usize) -> Self {
        let name = format!("{environment}-{name}");
        let environment = environment.to_owned();
        let size = pick(random, &["t3.medium", "m6i.large", "c7g.xlarge", "r6i.xlarge"]);
        Self { kind, name, id: assigned_id(random, kind), zone, environment, size }
    }

    /// The same thing made again: the names stay, what the service assigns is new.
    pub(super) fn reborn(&self, random: &mut Rng) -> Self {
        Self { id: assigned_id(random, self.kind), ..self.clone() }
    }

    /// The call that creates it.
    pub(super) fn create(&self, place: &Place, at: Second, random: &mut Rng) -> Call {
        match self.kind {
            Kind::Instance => ec2::run_instances(std::slice::from_ref(self), place, at, random),
            Kind::NatGateway => ec2::create_nat_gateway(self, place, at, random),
            Kind::SecurityGroup => ec2::create_security_group(self, place),
            Kind::Database => stores::create_database(self, place, random),
            Kind::Table => stores::create_table(self, place, at),
            Kind::Cache => stores::create_cache(self, place),
            Kind::Service => serving::create_service(self, place, at),
            Kind::LoadBalancer => serving::create_load_balancer(self, place, at),
            Kind::TargetGroup => serving::create_target_group(self, place),
            Kind::Function => serving::create_function(self, place, at),
            Kind::LogGroup => serving::create_log_group(self),
            Kind::Cluster => small::create_cluster(self, place),
            Kind::Topic => small::create_topic(self, place),
            Kind::Queue => small::create_queue(self, place),
            Kind::Parameter => small::put_parameter(self, place, 1),
            Kind::Alarm => small::put_alarm(self, place),
            Kind::Rule => small::put_rule(self, place),
        }
    }

    /// The call that destroys it.
    pub(super) fn delete(&self, place: &Place) -> Call {
        match self.kind {
            Kind::Instance => ec2::terminate(&[self]),
            Kind::NatGateway => ec2::delete_nat_gateway(self),
            Kind::SecurityGroup => ec2::delete_security_group(self),
            Kind::Database => stores::delete_database(self, place),
            Kind::Table => stores::delete_table(self, place),
            Kind::Cache => stores::delete_cache(self),
            Kind::Service => serving::delete_service(self, place),
            Kind::LoadBalancer => serving::delete_load_balancer(self, place),
            Kind::TargetGroup => serving::delete_target_group(self, place),
            Kind::Function => serving::delete_function(self),
            Kind::LogGroup => serving::delete_log_group(self),
            Kind::Cluster => small::delete_cluster(self, place),
            Kind::Topic => small::delete_topic(self, place),
            Kind::Queue => small::delete_queue(self, place),
            Kind::Parameter => small::delete_parameter(self, place),
            Kind::Alarm => small::delete_alarm(self),
            Kind::Rule => small::delete_rule(self),
        }
    }

    /// The call that looks at it.
    pub(super) fn describe(&self, place: &Place) -> Call {
        match self.kind {
            Kind::Instance => ec2::describe_instance(self),
            Kind::NatGateway => ec2::describe_nat_gateway(self),
            Kind::SecurityGroup => ec2::describe_security_group(self),
            Kind::Database => stores::describe_database(self),
            Kind::Table => stores::describe_table(self),
            Kind::Cache => stores::describe_cache(self),
            Kind::Service => serving::describe_service(self),
            Kind::LoadBalancer => serving::describe_load_balancer(self, place),
            Kind::TargetGroup => serving::describe_target_group(self, place),
            Kind::Function => serving::get_function(self),
            Kind::LogGroup => serving::describe_log_group(self),
            Kind::Cluster => small::describe_cluster(self),
            Kind::Topic => small::get_topic(self, place),
            Kind::Queue => small::get_queue(self, place),
            Kind::Parameter => small::describe_parameter(self),
            Kind::Alarm => small::describe_alarm(self),
            Kind::Rule => small::describe_rule(self),
        }
    }

    /// The call that destroys it, made while something else still needs it; nothing where that cannot happen.
    pub(super) fn delete_too_early(&self, place: &Place) -> Option<Call> {
        let call = self.delete(place);
        match self.kind {
            Kind::SecurityGroup => {
                Some(call.failed("Client.DependencyViolation", format!("resource {} has a dependent object", self.id)))
            }
            Kind::TargetGroup => Some(call.failed(
                "ResourceInUse",
                format!(
                    "Target group '{}' is currently in use by a listener or a rule",
                    serving::target_arn(self, place)
                ),
            )),
            _ => None,
        }
    }
}

/// Everything that makes up one environment.
#[derive(Clone)]
pub(super) struct Environment {
    pub(super) resources: Vec<Resource>,
}

/// How many resources of a kind an environment has: from, to.
pub(super) type Sizes = [(Kind, usize, usize)];

impl Environment {
    /// A production environment: instances in three zones, and what serves and stores beside them.
    pub(super) fn production(writer: &mut Writer) -> Self {
        let sizes = [
            (Kind::Service, 2, 5),
            (Kind::Instance, 9, 18),
            (Kind::LoadBalancer, 1, 2),
            (Kind::TargetGroup, 2, 4),
            (Kind::Cache, 0, 2),
            (Kind::Database, 2, 4),
            (Kind::Table, 3, 6),
            (Kind::Function, 1, 4),
            (Kind::NatGateway, 3, 3),
            (Kind::SecurityGroup, 2, 4),
            (Kind::LogGroup, 1, 4),
        ];
        Self::in_production(writer, &sizes)
    }

    /// A production environment of these kinds: each with how many there are, at least and at most.
    pub(super) fn in_production(writer: &mut Writer, sizes: &Sizes) -> Self {
        let product = pick(&mut writer.random, &["shop", "billing", "fleet", "atlas", "ledger", "media", "orders"]);
        let name = format!("{product}-{}", pick(&mut writer.random, &["prod", "production", "live"]));
        Self::sized(writer, &name, sizes)
    }

    fn sized(writer: &mut Writer, name: &str, sizes: &Sizes) -> Self {
        const PARTS: [&str; 8] = ["web", "api", "worker", "orders", "catalog", "search", "mail", "reports"];
        let mut resources = Vec::new();
        for &(kind, fewest, most) in sizes {
            for number in 0..writer.random.usize(fewest..=most) {
                let part = PARTS[number % PARTS.len()];
                let suffix = match kind {
                    Kind::Instance => format!("app-{:02}", number + 1),
                    Kind::NatGateway => writer.place.zones[number % 3].clone(),
                    Kind::SecurityGroup => format!("{part}-sg"),
                    Kind::LoadBalancer => format!("{part}-alb"),
                    Kind::TargetGroup => format!("{part}-tg"),
                    Kind::Database => format!("{part}-db"),
                    Kind::Cache => format!("{part}-cache"),
                    Kind::Topic => format!("{part}-events-{number}"),
                    Kind::Queue => format!("{part}-jobs-{number}"),
                    Kind::Parameter => format!("{part}/setting-{number}"),
                    Kind::Alarm => format!("{part}-errors-{number}"),
                    Kind::Rule => format!("{part}-nightly-{number}"),
                    _ => part.to_owned(),
                };
                resources.push(Resource::new(&mut writer.random, kind, name, &suffix, number % 3));
            }
        }
        Self { resources }
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        self.resources.first().map_or("", |resource| &resource.environment)
    }

    /// Its resources of one kind.
    pub(super) fn of(&self, kind: Kind) -> impl Iterator<Item = &Resource> {
        self.resources.iter().filter(move |resource| resource.kind == kind)
    }
}

fn assigned_id(random: &mut Rng, kind: Kind) -> String {
    match kind {
        Kind::Instance => server_id(random, "i"),
        Kind::NatGateway => server_id(random, "nat"),
        Kind::SecurityGroup => server_id(random, "sg"),
        Kind::Database => super::writer::unique_id(random, "db-", 29),
        _ => format!("{:016x}", random.u64(..)),
    }
}
