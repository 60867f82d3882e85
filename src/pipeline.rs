//! The stages between sources and the world: decode, engine, journal. Structs with steps; `app` drives them.
