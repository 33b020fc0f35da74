//! From paths to streams of bytes: inputs, folders, archives, compression, rotated files, and what
//! the path of a log tells. Knows nothing about log formats.

pub mod decode;
mod guard;
pub mod inputs;
pub mod layout;
pub mod reread;
pub mod rotation;
pub mod walk;
