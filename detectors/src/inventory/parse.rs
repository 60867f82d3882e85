//! Recognises an inventory by its shape.

use serde_json::{Deserializer, Value};

use super::{Inventory, config, describe};
use crate::limits::{INVENTORY_BYTES_MAX, INVENTORY_RESOURCES_MAX};

/// Why an inventory could not be read. No part of it is used then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InventoryError {
    /// More than is read.
    #[error(
        "inventory is larger than {INVENTORY_BYTES_MAX} bytes: {bytes}\nhint: leave out what lives in no zone, or select \
         fewer fields"
    )]
    TooLarge {
        /// How large it is.
        bytes: usize,
    },
    /// More resources than are kept.
    #[error(
        "inventory names more resources than {INVENTORY_RESOURCES_MAX}\nhint: leave out what lives in no zone: \
         SELECT … WHERE resourceType IN ('AWS::EC2::Instance', …)"
    )]
    TooMany,
    /// Not JSON.
    #[error("inventory is no JSON: line {line}, column {column}\nhint: save the output with --output json")]
    NotJson {
        /// Where it stops being JSON.
        line: usize,
        /// Where in that line.
        column: usize,
    },
    /// JSON of no shape that is known.
    #[error(
        "inventory has a shape that is not known: value {number} ({keys})\nhint: give it the output of `aws configservice \
         select-aggregate-resource-config` or `select-resource-config`, or of `describe-instances`, `describe-volumes`, \
         `describe-subnets` or `describe-db-instances`"
    )]
    UnknownShape {
        /// Which of the values, from 1.
        number: usize,
        /// Its first keys.
        keys: String,
    },
    /// Nothing at all.
    #[error("inventory is empty\nhint: was the file written to its end?")]
    Empty,
}

/// Reads one or more outputs, one after the other. A page without resources is fine.
pub fn parse(bytes: &[u8]) -> Result<Inventory, InventoryError> {
    if bytes.len() > INVENTORY_BYTES_MAX {
        return Err(InventoryError::TooLarge { bytes: bytes.len() });
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut inventory = Inventory::default();
    let mut number = 0;
    for value in Deserializer::from_slice(bytes).into_iter::<Value>() {
        let value = value
            .map_err(|error| InventoryError::NotJson { line: error.line().max(1), column: error.column().max(1) })?;
        number += 1;
        if !read(&value, &mut inventory)? {
            return Err(InventoryError::UnknownShape { number, keys: first_keys(&value) });
        }
    }
    if number == 0 { Err(InventoryError::Empty) } else { Ok(inventory) }
}

/// Takes in what one value says; false if its shape is not known.
fn read(value: &Value, inventory: &mut Inventory) -> Result<bool, InventoryError> {
    let told = match value {
        Value::Array(items) if items.iter().all(config::is_item) => items.iter().collect(),
        Value::Object(_) if config::is_item(value) => vec![value],
        Value::Object(object) => match config::lists(object) {
            Some(items) => items,
            None => return describe::read(object, inventory),
        },
        _ => return Ok(false),
    };
    for item in told {
        config::read(item, inventory);
        bounded(inventory)?;
    }
    Ok(true)
}

/// Fails once an inventory holds more than is kept.
pub(super) fn bounded(inventory: &Inventory) -> Result<(), InventoryError> {
    let many =
        inventory.resources.len() > 4 * INVENTORY_RESOURCES_MAX || inventory.subnets.len() > INVENTORY_RESOURCES_MAX;
    if many { Err(InventoryError::TooMany) } else { Ok(()) }
}

/// What tells one unknown shape from another, short and without anything but letters and digits.
fn first_keys(value: &Value) -> String {
    const KEYS_SHOWN: usize = 3;
    const KEY_CHARACTERS: usize = 30;
    let plain =
        |key: &String| -> String { key.chars().filter(char::is_ascii_alphanumeric).take(KEY_CHARACTERS).collect() };
    match value {
        Value::Object(object) if object.is_empty() => "an empty object".to_owned(),
        Value::Object(object) => object.keys().take(KEYS_SHOWN).map(plain).collect::<Vec<_>>().join(", "),
        Value::Array(_) => "a list of other things than configuration items".to_owned(),
        _ => "a plain value".to_owned(),
    }
}
