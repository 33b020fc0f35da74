//! What the user chose: arguments, settings file, folders, keys and themes, checked once. No behaviour.

pub mod args;
pub mod keymap;
pub mod paths;
pub mod settings;
pub mod theme;
