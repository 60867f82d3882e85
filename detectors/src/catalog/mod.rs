//! What each AWS API action does, and to what.

/// All that is known of actions: the table checked in, and the verb grammar for the rest.
#[derive(Debug, Default)]
pub struct Catalog {}

impl Catalog {
    /// The catalog that is built in.
    pub fn built_in() -> &'static Self {
        static CATALOG: Catalog = Catalog {};
        &CATALOG
    }
}
