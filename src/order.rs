//! Orders: one task per receiver brings what the journal holds to the receivers.
