//! An inventory takes the place of the one before: whatever was judged without it is judged anew.

use std::collections::BTreeSet;

use super::{FactKey, Names, Timeline};
use crate::inventory::Inventory;

impl Timeline {
    /// Takes an inventory in, as if it had been known before all facts. Returns the keys that are judged anew, and from
    /// where on; nothing if there is no fact.
    pub fn reread(&mut self, inventory: Inventory) -> Option<(Names, FactKey)> {
        self.store.set_inventory(inventory);
        let all = self.store.iter().map(|(key, _)| key);
        let keys: BTreeSet<FactKey> = all.filter(|key| !self.store.names(key).is_empty()).copied().collect();
        let from = *keys.first()?;
        let mut touched = Names::new();
        for key in &keys {
            self.place(key, &mut touched);
        }
        touched.sort_unstable();
        touched.dedup();
        for name in &touched {
            if let Some(ledger) = self.ledgers.get_mut(name) {
                ledger.judge_from(name, &from, &self.limits);
            }
        }
        Some((touched, from))
    }
}
