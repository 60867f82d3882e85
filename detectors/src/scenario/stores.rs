//! Calls of what holds state: RDS, DynamoDB, ElastiCache.

use fastrand::Rng;
use serde_json::{Value, json};

use super::resource::Resource;
use super::writer::{Call, Place};
use crate::time::Second;

/// CreateDBInstance. Its response names no zone of the instance, only those of its subnet group.
pub(super) fn create_database(database: &Resource, place: &Place, random: &mut Rng) -> Call {
    let class = super::writer::pick(random, &["db.t4g.medium", "db.r6g.large", "db.m6g.large"]);
    let request = json!({
        "dBInstanceIdentifier": database.name, "dBInstanceClass": class, "engine": "postgres",
        "allocatedStorage": 100, "masterUsername": "app", "masterUserPassword": "HIDDEN_DUE_TO_SECURITY_REASONS",
        "dBSubnetGroupName": subnet_group(database), "deletionProtection": false, "storageEncrypted": true,
        "publiclyAccessible": false,
    });
    let mut response = described(database, place, "creating");
    response["dBInstanceClass"] = json!(class);
    response["pendingModifiedValues"] = json!({"masterUserPassword": "HIDDEN_DUE_TO_SECURITY_REASONS"});
    Call::write("rds", "CreateDBInstance", request, response)
}

/// DeleteDBInstance. Its response names the zone.
pub(super) fn delete_database(database: &Resource, place: &Place) -> Call {
    let request = json!({
        "dBInstanceIdentifier": database.name, "skipFinalSnapshot": true, "deleteAutomatedBackups": true,
    });
    let mut response = described(database, place, "deleting");
    response["availabilityZone"] = json!(place.zones[database.zone]);
    Call::destroy("rds", "DeleteDBInstance", request, response)
}

/// ModifyDBInstance that lets a database be deleted.
pub(super) fn unguard_database(database: &Resource, place: &Place) -> Call {
    let request = json!({
        "dBInstanceIdentifier": database.name, "deletionProtection": false, "applyImmediately": true,
        "allowMajorVersionUpgrade": false,
    });
    let mut response = described(database, place, "available");
    response["availabilityZone"] = json!(place.zones[database.zone]);
    Call::write("rds", "ModifyDBInstance", request, response)
}

/// DescribeDBInstances of one database.
pub(super) fn describe_database(database: &Resource) -> Call {
    Call::read("rds", "DescribeDBInstances", json!({"dBInstanceIdentifier": database.name}))
}

fn described(database: &Resource, place: &Place, status: &str) -> Value {
    let subnets: Vec<Value> = place
        .zones
        .iter()
        .zip(&place.subnets)
        .map(|(zone, subnet)| {
            json!({
                "subnetIdentifier": subnet, "subnetAvailabilityZone": {"name": zone}, "subnetOutpost": {},
                "subnetStatus": "Active",
            })
        })
        .collect();
    json!({
        "dBInstanceIdentifier": database.name,
        "dBInstanceArn": place.arn("rds", &format!("db:{}", database.name)),
        "dbiResourceId": database.id,
        "dBInstanceStatus": status,
        "engine": "postgres",
        "engineVersion": "16.9",
        "masterUsername": "app",
        "allocatedStorage": 100,
        "storageType": "gp3",
        "storageEncrypted": true,
        "multiAZ": false,
        "deletionProtection": false,
        "publiclyAccessible": false,
        "backupRetentionPeriod": 7,
        "vpcSecurityGroups": [],
        "dBSecurityGroups": [],
        "dBSubnetGroup": {
            "dBSubnetGroupName": subnet_group(database), "dBSubnetGroupDescription": "Managed by automation",
            "vpcId": place.vpc, "subnetGroupStatus": "Complete", "subnets": subnets,
        },
        "pendingModifiedValues": {},
        "licenseModel": "postgresql-license",
    })
}

fn subnet_group(database: &Resource) -> String {
    format!("{}-db", database.environment)
}

/// CreateTable.
pub(super) fn create_table(table: &Resource, place: &Place, at: Second) -> Call {
    let schema = json!([{"attributeName": "id", "keyType": "HASH"}]);
    let attributes = json!([{"attributeName": "id", "attributeType": "S"}]);
    let request = json!({
        "tableName": table.name, "billingMode": "PAY_PER_REQUEST", "keySchema": schema,
        "attributeDefinitions": attributes, "deletionProtectionEnabled": false,
    });
    let mut response = table_description(table, place, "CREATING");
    let description = &mut response["tableDescription"];
    description["keySchema"] = schema;
    description["attributeDefinitions"] = attributes;
    description["creationDateTime"] = json!(written_date(at));
    Call::write("dynamodb", "CreateTable", request, response)
}

/// DeleteTable.
pub(super) fn delete_table(table: &Resource, place: &Place) -> Call {
    let response = table_description(table, place, "DELETING");
    Call::destroy("dynamodb", "DeleteTable", json!({"tableName": table.name}), response)
}

/// DescribeTable.
pub(super) fn describe_table(table: &Resource) -> Call {
    Call::read("dynamodb", "DescribeTable", json!({"tableName": table.name}))
}

fn table_description(table: &Resource, place: &Place, status: &str) -> Value {
    let mut id = table.id.repeat(2);
    for position in [8, 13, 18, 23] {
        id.insert(position, '-');
    }
    json!({"tableDescription": {
        "tableName": table.name,
        "tableArn": place.arn("dynamodb", &format!("table/{}", table.name)),
        "tableId": id,
        "tableStatus": status,
        "itemCount": 0,
        "tableSizeBytes": 0,
        "provisionedThroughput": {"readCapacityUnits": 0, "writeCapacityUnits": 0, "numberOfDecreasesToday": 0},
        "billingModeSummary": {"billingMode": "PAY_PER_REQUEST"},
        "deletionProtectionEnabled": false,
    }})
}

/// CreateReplicationGroup.
pub(super) fn create_cache(cache: &Resource, place: &Place) -> Call {
    let request = json!({
        "replicationGroupId": cache.name, "replicationGroupDescription": "Managed by automation",
        "engine": "valkey", "cacheNodeType": "cache.t4g.medium", "numCacheClusters": 2,
        "automaticFailoverEnabled": true, "multiAZEnabled": true,
    });
    Call::write("elasticache", "CreateReplicationGroup", request, cache_description(cache, place, "creating"))
}

/// DeleteReplicationGroup.
pub(super) fn delete_cache(cache: &Resource) -> Call {
    let request = json!({"replicationGroupId": cache.name, "retainPrimaryCluster": false});
    let response = json!({
        "replicationGroupId": cache.name, "description": "Managed by automation", "status": "deleting",
        "pendingModifiedValues": {}, "automaticFailover": "enabled", "multiAZ": "enabled",
    });
    Call::destroy("elasticache", "DeleteReplicationGroup", request, response)
}

/// DescribeReplicationGroups of one group.
pub(super) fn describe_cache(cache: &Resource) -> Call {
    Call::read("elasticache", "DescribeReplicationGroups", json!({"replicationGroupId": cache.name}))
}

fn cache_description(cache: &Resource, place: &Place, status: &str) -> Value {
    json!({
        "replicationGroupId": cache.name,
        "description": "Managed by automation",
        "aRN": place.arn("elasticache", &format!("replicationgroup:{}", cache.name)),
        "status": status,
        "memberClusters": [format!("{}-001", cache.name), format!("{}-002", cache.name)],
        "pendingModifiedValues": {},
        "automaticFailover": "enabling",
        "multiAZ": "enabled",
        "cacheNodeType": "cache.t4g.medium",
    })
}

/// A date as services write it that have no better idea: `Jul 10, 2023, 12:07:59 PM`.
pub(super) fn written_date(at: Second) -> String {
    jiff::Timestamp::from_second(at.0)
        .map_or_else(|_| at.to_string(), |timestamp| timestamp.strftime("%b %-d, %Y, %-I:%M:%S %p").to_string())
}
