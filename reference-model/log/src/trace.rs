//! The trace file: a header, then the log's records and payload as they stand in memory.

/// Version of the record format. Raised whenever a record's meaning changes.
pub const FORMAT: u32 = 1;
