//! Metrics and health over HTTP, on a thread of their own.
