//! Timestamps: their notations, the names of months, time zones, and the parts that a notation
//! leaves out. Knows nothing about log formats.

pub mod clock;
mod months;
pub mod style;
pub mod zone;
