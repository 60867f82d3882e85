//! The side of `run` that speaks with `act`.
