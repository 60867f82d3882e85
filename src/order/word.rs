//! How the ends of orders are counted: more words than the journal needs to know.

/// The receiver took it.
pub const DELIVERED: &str = "delivered";
/// Nobody was told by it.
pub const GIVEN_UP: &str = "given-up";
/// A later one, or one before, says all that it would have.
pub const SUPERSEDED: &str = "superseded";
/// It was told together with others.
pub const SUMMARISED: &str = "summarised";
/// No route leads here.
pub const UNROUTED: &str = "unrouted";

#[cfg(test)]
mod tests {
    #[test]
    fn the_words_are_those_that_the_metrics_declare() {
        let words = [super::DELIVERED, super::GIVEN_UP, super::SUPERSEDED, super::SUMMARISED, super::UNROUTED];
        assert_eq!(words.as_slice(), crate::metrics::ORDER_ENDS);
    }
}
