//! Configuration items of AWS Config, as its queries, its snapshots and its history print them.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::describe::{field, region_of, reveal, subnets, text, zones};
use super::{Inventory, Resource, Told};
use crate::time::Second;

/// Types whose names are unique only within something else, or that go by no name.
const WITHOUT_NAMES: [&str; 3] = ["AWS::EC2::", "AWS::ECS::", "AWS::EKS::Nodegroup"];

/// The items of a query's page, a snapshot, a history or a batch; nothing if this is none of them.
pub(super) fn lists(output: &Map<String, Value>) -> Option<Vec<&Value>> {
    const LISTS: [&str; 4] = ["Results", "configurationItems", "baseConfigurationItems", "aggregateResourceConfigs"];
    let of = |name: &str| output.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    match LISTS.iter().find_map(|name| of(name))? {
        Value::Array(items) if items.iter().all(|item| item.is_string() || is_item(item)) => {
            Some(items.iter().collect())
        }
        _ => None,
    }
}

/// Whether a value is a configuration item.
pub(super) fn is_item(value: &Value) -> bool {
    !text(value, "resourceType").is_empty()
}

/// Takes in what an item says; queries print their items as text. One that names too little says nothing.
pub(super) fn read(item: &Value, inventory: &mut Inventory) {
    let item = match item.as_str() {
        Some(written) => Cow::Owned(serde_json::from_str(written).unwrap_or(Value::Null)),
        None => Cow::Borrowed(item),
    };
    let written = field(&item, "configuration").and_then(Value::as_str);
    let parsed: Option<Value> = written.and_then(|written| serde_json::from_str(written).ok());
    let configuration = parsed.as_ref().or_else(|| field(&item, "configuration")).unwrap_or(&Value::Null);
    let (kind, region) = (text(&item, "resourceType"), text(&item, "awsRegion"));
    let status = text(&item, "configurationItemStatus");
    if kind.is_empty() || status.starts_with("ResourceDeleted") || status == "ResourceNotRecorded" {
        return;
    }
    let mut zones: Vec<String> = [zones(&item), zones(configuration)].concat();
    // A query without `awsRegion` leaves the region to the ARN or the zone.
    let arn = text(&item, "arn");
    let of_arn = arn.split(':').nth(3).unwrap_or_default();
    let of_zone = zones.first().map_or("", |zone| region_of(zone)).to_owned();
    let region =
        [region, of_arn, &of_zone].into_iter().find(|region| !region.is_empty()).unwrap_or_default().to_owned();
    zones.retain(|zone| region_of(zone) == region);
    zones.sort_unstable();
    zones.dedup();
    let mut subnets = subnets(configuration);
    if kind == "AWS::EC2::Subnet" {
        if let (id, [zone]) = (text(&item, "resourceId"), zones.as_slice())
            && id.starts_with("subnet-")
        {
            inventory.subnets.insert(id.to_owned(), zone.clone());
        }
    } else {
        subnets.extend(related_subnets(&item));
    }
    reveal(configuration, &region, inventory);
    let account = [text(&item, "accountId"), arn.split(':').nth(4).unwrap_or_default()];
    let account = account.into_iter().find(|account| !account.is_empty()).unwrap_or_default();
    let has_names = !WITHOUT_NAMES.iter().any(|prefix| kind.starts_with(prefix));
    let name = if has_names { text(&item, "resourceName") } else { "" };
    let created = Second::parse(text(&item, "resourceCreationTime"));
    let resource = Resource { account: account.into(), zones, subnets, created };
    let aliases = [text(&item, "resourceId"), arn, name].map(str::to_owned).to_vec();
    // Without an account, a name might be another account's.
    let aliases = if account.is_empty() { aliases.into_iter().take(2).collect() } else { aliases };
    inventory.insert(Told { kind: kind.to_owned(), region, aliases, resource });
}

/// Subnets that an item is related to.
fn related_subnets(item: &Value) -> Vec<String> {
    let related = field(item, "relationships").and_then(Value::as_array).into_iter().flatten();
    let ids = related.filter(|one| text(one, "resourceType") == "AWS::EC2::Subnet").map(|one| text(one, "resourceId"));
    ids.filter(|id| id.starts_with("subnet-")).map(str::to_owned).collect()
}
