//! Calls of what is many and small, and whose creates succeed as well where the thing already exists: clusters of ECS,
//! topics, queues, parameters, alarms, rules.

use serde_json::{Value, json};

use super::resource::Resource;
use super::writer::{Call, Place};

/// CreateCluster of ECS.
pub(super) fn create_cluster(cluster: &Resource, place: &Place) -> Call {
    let request = json!({"clusterName": cluster.name});
    Call::write("ecs", "CreateCluster", request, cluster_description(cluster, place, "ACTIVE"))
}

/// DeleteCluster of ECS.
pub(super) fn delete_cluster(cluster: &Resource, place: &Place) -> Call {
    let request = json!({"cluster": cluster.name});
    Call::destroy("ecs", "DeleteCluster", request, cluster_description(cluster, place, "INACTIVE"))
}

/// DescribeClusters of one cluster.
pub(super) fn describe_cluster(cluster: &Resource) -> Call {
    Call::read("ecs", "DescribeClusters", json!({"clusters": [cluster.name]}))
}

fn cluster_description(cluster: &Resource, place: &Place, status: &str) -> Value {
    json!({"cluster": {
        "clusterArn": place.arn("ecs", &format!("cluster/{}", cluster.name)),
        "clusterName": cluster.name,
        "status": status,
        "registeredContainerInstancesCount": 0,
        "runningTasksCount": 0,
        "pendingTasksCount": 0,
        "activeServicesCount": 0,
        "statistics": [],
        "tags": [],
        "settings": [{"name": "containerInsights", "value": "disabled"}],
        "capacityProviders": [],
        "defaultCapacityProviderStrategy": [],
    }})
}

/// CreateTopic.
pub(super) fn create_topic(topic: &Resource, place: &Place) -> Call {
    let response = json!({"topicArn": topic_arn(topic, place)});
    Call::write("sns", "CreateTopic", json!({"name": topic.name}), response)
}

/// DeleteTopic.
pub(super) fn delete_topic(topic: &Resource, place: &Place) -> Call {
    Call::destroy("sns", "DeleteTopic", json!({"topicArn": topic_arn(topic, place)}), Value::Null)
}

/// GetTopicAttributes.
pub(super) fn get_topic(topic: &Resource, place: &Place) -> Call {
    Call::read("sns", "GetTopicAttributes", json!({"topicArn": topic_arn(topic, place)}))
}

fn topic_arn(topic: &Resource, place: &Place) -> String {
    place.arn("sns", &topic.name)
}

/// CreateQueue.
pub(super) fn create_queue(queue: &Resource, place: &Place) -> Call {
    let request = json!({"queueName": queue.name, "attributes": {"VisibilityTimeout": "60"}});
    Call::write("sqs", "CreateQueue", request, json!({"queueUrl": queue_url(queue, place)}))
}

/// DeleteQueue.
pub(super) fn delete_queue(queue: &Resource, place: &Place) -> Call {
    Call::destroy("sqs", "DeleteQueue", json!({"queueUrl": queue_url(queue, place)}), Value::Null)
}

/// GetQueueAttributes.
pub(super) fn get_queue(queue: &Resource, place: &Place) -> Call {
    let request = json!({"queueUrl": queue_url(queue, place), "attributeNames": ["All"]});
    Call::read("sqs", "GetQueueAttributes", request)
}

fn queue_url(queue: &Resource, place: &Place) -> String {
    format!("https://sqs.{}.{}/{}/{}", place.region, place.domain(), place.account, queue.name)
}

/// PutParameter: the first version, or a later one that overwrites what is there.
pub(super) fn put_parameter(parameter: &Resource, place: &Place, version: u32) -> Call {
    let request = json!({
        "name": parameter_name(parameter), "value": "HIDDEN_DUE_TO_SECURITY_REASONS", "type": "SecureString",
        "overwrite": version > 1, "tier": "Standard",
    });
    let response = json!({"version": version, "tier": "Standard"});
    Call::write("ssm", "PutParameter", request, response).with_resource(parameter_arn(parameter, place))
}

/// DeleteParameter.
pub(super) fn delete_parameter(parameter: &Resource, place: &Place) -> Call {
    Call::destroy("ssm", "DeleteParameter", json!({"name": parameter_name(parameter)}), Value::Null)
        .with_resource(parameter_arn(parameter, place))
}

/// DescribeParameters of one parameter.
pub(super) fn describe_parameter(parameter: &Resource) -> Call {
    let filter = json!({"key": "Name", "option": "Equals", "values": [parameter_name(parameter)]});
    Call::read("ssm", "DescribeParameters", json!({"parameterFilters": [filter]}))
}

fn parameter_name(parameter: &Resource) -> String {
    format!("/{}", parameter.name)
}

fn parameter_arn(parameter: &Resource, place: &Place) -> Value {
    let arn = place.arn("ssm", &format!("parameter{}", parameter_name(parameter)));
    json!({"accountId": place.account, "ARN": arn})
}

/// PutMetricAlarm.
pub(super) fn put_alarm(alarm: &Resource, place: &Place) -> Call {
    let request = json!({
        "alarmName": alarm.name, "metricName": "Errors", "namespace": "AWS/Lambda", "statistic": "Sum", "period": 60,
        "evaluationPeriods": 5, "threshold": 1.0, "comparisonOperator": "GreaterThanOrEqualToThreshold",
        "alarmActions": [place.arn("sns", &format!("{}-alarms", alarm.environment))],
        "dimensions": [{"name": "FunctionName", "value": alarm.name}],
    });
    Call::write("monitoring", "PutMetricAlarm", request, Value::Null)
}

/// DeleteAlarms of one alarm.
pub(super) fn delete_alarm(alarm: &Resource) -> Call {
    Call::destroy("monitoring", "DeleteAlarms", json!({"alarmNames": [alarm.name]}), Value::Null)
}

/// DescribeAlarms of one alarm.
pub(super) fn describe_alarm(alarm: &Resource) -> Call {
    Call::read("monitoring", "DescribeAlarms", json!({"alarmNames": [alarm.name]}))
}

/// PutRule.
pub(super) fn put_rule(rule: &Resource, place: &Place) -> Call {
    let request = json!({"name": rule.name, "scheduleExpression": "cron(15 3 * * ? *)", "state": "ENABLED"});
    Call::write("events", "PutRule", request, json!({"ruleArn": place.arn("events", &format!("rule/{}", rule.name))}))
}

/// DeleteRule.
pub(super) fn delete_rule(rule: &Resource) -> Call {
    Call::destroy("events", "DeleteRule", json!({"name": rule.name, "force": false}), Value::Null)
}

/// DescribeRule.
pub(super) fn describe_rule(rule: &Resource) -> Call {
    Call::read("events", "DescribeRule", json!({"name": rule.name}))
}
