//! Settings of the Kafka source, and its ways with a cluster.
