//! The terminal UI. `update` changes the state, `view` draws it, and the driver runs the effects.
//! Analyzes nothing. Each part imports only the parts to its left:
//! `state < layout < panes < {update, view} < driver`. To add a pane: its state in `state`, its
//! rows in `panes`, its keys in `update`, its drawing in `view`.

mod driver;
mod layout;
pub mod panes;
pub mod state;
pub mod update;
pub mod view;

pub use driver::{Effects, Error, Inbox, channel, run};
