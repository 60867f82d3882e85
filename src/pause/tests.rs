//! The client against a socket that speaks as `act` does.
