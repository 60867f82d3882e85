"""How much a kind of resource weighs, where it lives, and whether it guards others."""

import re

# First match counts. Matched against the CloudFormation type, or `service:noun`.
CLASSES = [
    ("stack", r"^AWS::CloudFormation::(Stack|StackSet|StackInstances?)$|^cloudformation:"),
    (
        "holds-state",
        r"^AWS::(RDS|Neptune|DocDB)::(DB)?(Instance|Cluster|GlobalCluster)$|^AWS::DocDBElastic::Cluster$|"
        r"^AWS::DSQL::Cluster$|^AWS::NeptuneGraph::Graph$|^AWS::(DynamoDB::(Global)?Table)$|"
        r"^AWS::Cassandra::(Table|Keyspace)$|^AWS::Timestream::(Table|Database|InfluxDB(Instance|Cluster))$|"
        r"^AWS::QLDB::Ledger$|^AWS::Redshift::Cluster$|^AWS::RedshiftServerless::Namespace$|"
        r"^AWS::(EFS|FSx|S3Files)::FileSystem$|^AWS::FSx::(Volume|StorageVirtualMachine)$|^AWS::DAX::Cluster$|"
        r"^AWS::ElastiCache::(CacheCluster|ReplicationGroup|ServerlessCache|GlobalReplicationGroup)$|"
        r"^AWS::MemoryDB::(MultiRegion)?Cluster$|^AWS::OpenSearchServerless::Collection$|^AWS::Elasticsearch::Domain$|"
        r"^AWS::CloudSearch::Domain$|^cloudsearch:domain$|^AWS::(Kinesis|KinesisVideo)::Stream$|^AWS::MSK::.*Cluster$|"
        r"^AWS::AmazonMQ::Broker$|^AWS::Cognito::UserPool$|^AWS::DirectoryService::|^AWS::Route53::HostedZone$|"
        r"^AWS::EKS::Cluster$|^AWS::Backup::(Logically.*)?BackupVault$|^AWS::KMS::(ReplicaKey|CustomKeyStore)$|"
        r"^AWS::CloudHSM::|^cloudhsm:(cluster|hsm|hapg)$|^lightsail:relationalDatabase$|"
        r"^AWS::Lightsail::(Database|Disk)$|^AWS::S3Tables::(TableBucket|Table)$|^AWS::S3Vectors::(VectorBucket|Index)$|"
        r"^AWS::IdentityStore::|^AWS::SSO::Instance$|^AWS::ODB::|^AWS::HealthLake::FHIRDatastore$|"
        r"^AWS::HealthImaging::Datastore$|^AWS::StorageGateway::|^AWS::Kendra::Index$|^AWS::Organizations::Account$|"
        r"^AWS::PaymentCryptography::Key$|^AWS::Omics::.*Store$|^organizations:organization$|^AWS::WorkDocs::|"
        r"^AWS::Glacier::|^glacier:vault$",
    ),
    (
        "serves-traffic",
        r"^AWS::EC2::(Instance|NatGateway|TransitGateway|VPNConnection|VPNGateway|Host|CapacityReservation|"
        r"ClientVpnEndpoint|EC2Fleet|SpotFleet)$|^AWS::(ElasticLoadBalancing|ElasticLoadBalancingV2)::LoadBalancer$|"
        r"^AWS::ECS::(Cluster|Service|CapacityProvider|ExpressGatewayService)$|^AWS::EKS::(Nodegroup|FargateProfile)$|"
        r"^AWS::AutoScaling::AutoScalingGroup$|^AWS::CloudFront::(Distribution|MultitenantDistribution|VpcOrigin)$|"
        r"^AWS::ApiGateway::RestApi$|^AWS::ApiGatewayV2::Api$|^AWS::AppSync::(GraphQLApi|Api)$|^AWS::AppRunner::Service$|"
        r"^AWS::GlobalAccelerator::Accelerator$|^AWS::ElasticBeanstalk::(Environment|Application)$|"
        r"^AWS::EMR::Cluster$|^elasticmapreduce:jobFlow$|^AWS::EMRServerless::Application$|^AWS::SageMaker::Endpoint$|"
        r"^AWS::WorkSpaces::Workspace$|^AWS::Transfer::Server$|^AWS::Amplify::App$|^AWS::NetworkFirewall::Firewall$|"
        r"^AWS::VpcLattice::(Service|ServiceNetwork)$|^AWS::DMS::ReplicationInstance$|^AWS::MWAA::Environment$|"
        r"^AWS::Lightsail::(Instance|LoadBalancer|Container|Distribution)$|^AWS::GameLift::(Fleet|ContainerFleet)$|"
        r"^AWS::AppStream::Fleet$|^AWS::DirectConnect::(Connection|Lag|VirtualInterface|DirectConnectGateway)$|"
        r"^directconnect:(connection|lag|virtualInterface|directConnectGateway)$|^AWS::RedshiftServerless::Workgroup$|"
        r"^AWS::Batch::ComputeEnvironment$|^AWS::StepFunctions::StateMachine$|^AWS::Connect::Instance$|"
        r"^AWS::MediaLive::Channel$|^AWS::IVS::Channel$|^AWS::M2::Environment$|^AWS::PCS::Cluster$|"
        r"^AWS::Route53Resolver::ResolverEndpoint$|^AWS::KinesisAnalytics(V2)?::Application$",
    ),
    ("copy", r"(Snapshot|FpgaImage|RecoveryPoint|AutomatedBackup|InfluxDBBackup|DatabaseBackup)$|^AWS::(FSx|DynamoDB)::Backup$|"
     r"^AWS::EC2::Image$|^(cloudhsm:backup|ecr(-public)?:image|lightsail:containerImage|workspaces:workspaceImage)$"),
    (
        "usually-unused",
        r"(SecurityGroup|RouteTable|NetworkAcl|LaunchTemplate|LaunchConfiguration|TargetGroup|Listener|ListenerRule|"
        r"SubnetGroup|ParameterGroup|OptionGroup|KeyPair|NetworkInterface|Role|Policy|InstanceProfile|AccessKey|"
        r"LoginProfile|TaskDefinition|JobDefinition|LogGroup|LogStream|InternetGateway|Attachment|Association|"
        r"Version|Alias|Deployment|Permission|PermissionSet|Assignment|Grant|Job|Task|Run|Execution|Session|Query|"
        r"Comment|Tag|Template|Schema|Draft|Revision|Invitation|Proposal|Preset|Filter|View|Note|Message|Report|"
        r"Dashboard|Widget|Finding|Export|Import|Request|Authorization|Configuration|Settings?|Preferences?|"
        r"Attributes?|Metadata|Token|Certificate|Contact|ConfigurationSet|Bookmark|Favorite|Feedback)$",
    ),
]

GLOBAL = re.compile(
    r"^AWS::(IAM|Organizations|CloudFront|Route53|Route53Domains|GlobalAccelerator|Shield|WAF|NetworkManager|Budgets|"
    r"CE|Route53RecoveryControl|Route53RecoveryReadiness|Chatbot|SSO|IdentityStore)::|"
    r"^(iam|organizations|cloudfront|route53|route53domains|globalaccelerator|shield|waf|networkmanager|budgets|ce|"
    r"chatbot|account|artifact|importexport|sso|identitystore|sso-directory):|^AWS::(RDS|DocDB)::GlobalCluster$|"
    r"^AWS::DynamoDB::GlobalTable$|^AWS::ElastiCache::GlobalReplicationGroup$|^AWS::MemoryDB::MultiRegionCluster$"
)
ZONAL = re.compile(
    r"^AWS::EC2::(Instance|Volume|Subnet|NetworkInterface|NatGateway|CapacityReservation|Host|InstanceConnectEndpoint)$|"
    r"^AWS::(RDS|Neptune|DocDB)::DBInstance$|^AWS::ElastiCache::CacheCluster$|^AWS::Redshift::Cluster$|"
    r"^AWS::DMS::ReplicationInstance$|^AWS::EMR::Cluster$|^elasticmapreduce:jobFlow$|^AWS::EFS::MountTarget$|"
    r"^AWS::Timestream::InfluxDBInstance$|^AWS::Lightsail::(Instance|Disk|Database)$|^AWS::S3Express::|"
    r"^cloudhsm:hsm$|^AWS::WorkSpaces::Workspace$|^AWS::OpsWorks::Instance$|^odb:|^AWS::ODB::|^outposts:outpost$"
)
SUBNETS = re.compile(
    r"^AWS::ElasticLoadBalancing(V2)?::LoadBalancer$|^AWS::AutoScaling::AutoScalingGroup$|^AWS::EKS::(Cluster|Nodegroup|"
    r"FargateProfile)$|^AWS::ECS::Service$|^AWS::(RDS|Neptune|DocDB)::DBCluster$|^AWS::DocDBElastic::Cluster$|"
    r"^AWS::ElastiCache::(ReplicationGroup|ServerlessCache)$|^AWS::MemoryDB::Cluster$|^AWS::OpenSearchService::Domain$|"
    r"^AWS::MSK::.*Cluster$|^AWS::AmazonMQ::Broker$|^AWS::EC2::(VPCEndpoint|TransitGatewayAttachment|"
    r"TransitGatewayVpcAttachment|EC2Fleet|SpotFleet)$|^AWS::MWAA::Environment$|^AWS::Batch::ComputeEnvironment$|"
    r"^AWS::FSx::FileSystem$|^AWS::NetworkFirewall::Firewall$|^AWS::Route53Resolver::ResolverEndpoint$|"
    r"^AWS::Transfer::Server$|^AWS::RedshiftServerless::Workgroup$|^AWS::SageMaker::(Domain|NotebookInstance)$|"
    r"^AWS::AppRunner::VpcConnector$|^AWS::ApiGatewayV2::VpcLink$|^AWS::DAX::Cluster$|^AWS::CloudHSM::|^cloudhsm:cluster$|"
    r"^AWS::DirectoryService::|^AWS::WorkSpaces::Directory$|^AWS::Timestream::InfluxDBCluster$"
)
GUARDS = re.compile(
    r"^AWS::CloudTrail::(Trail|EventDataStore)$|^AWS::EC2::FlowLog$|^AWS::GuardDuty::Detector$|"
    r"^AWS::SecurityHub::Hub(V2)?$|^AWS::Macie::Session$|^AWS::Config::(ConfigurationRecorder|DeliveryChannel|"
    r"ConfigurationAggregator)$|^AWS::AccessAnalyzer::Analyzer$|^AWS::Detective::Graph$|^AWS::InspectorV2?::|"
    r"^AWS::Logs::SubscriptionFilter$|^AWS::SecurityLake::DataLake$|^AWS::Route53Resolver::ResolverQueryLoggingConfig"
)


def weight_class(kind, is_config):
    if is_config:
        return "usually-unused"
    for name, pattern in CLASSES:
        if re.search(pattern, kind):
            return name
    noun = kind.rsplit(":", 1)[-1]
    # Kinds without a CloudFormation type are written with a small letter.
    capital = noun[:1].upper() + noun[1:]
    return "usually-unused" if re.search(CLASSES[-1][1], capital) else "small"


def scope(kind):
    for name, pattern in (("global", GLOBAL), ("zonal", ZONAL), ("subnets", SUBNETS)):
        if pattern.search(kind):
            return name
    return "regional"


def is_guard(kind):
    return bool(GUARDS.search(kind))
