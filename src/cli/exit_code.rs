//! The exit codes of the commands.

/// Exit code: success, and no anomaly found.
pub const OK: u8 = 0;
/// Exit code of `search`: no match.
pub const NO_MATCH: u8 = 1;
/// Exit code: success, and an anomaly was found. Also: the action was not applied.
pub const FOUND: u8 = 1;
/// Exit code: error.
pub const FAILED: u8 = 2;
