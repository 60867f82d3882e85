//! Inventories in the forms in which commands print them.
