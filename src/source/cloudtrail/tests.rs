//! The CloudTrail source against a server that behaves as CloudTrail does.
