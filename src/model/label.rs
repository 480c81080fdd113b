//! What an empty attribute is called. A stored text that reads so is the same value.

/// An empty source: nobody referred the visit.
pub const DIRECT: &str = "Direct / None";
/// Any other empty attribute.
pub const NOT_SET: &str = "(not set)";
