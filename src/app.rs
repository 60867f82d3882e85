//! Wires everything, runs it, and shuts it down in the order of the data.
