//! The Kinesis source against a server that fails as the real one does.
