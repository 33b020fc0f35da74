//! faultline is a full-screen terminal debugger for logs. It turns raw logs into events, events into
//! templates, counts of templates into anomalies, anomalies into causes, and causes into actions.
//!
//! # Rooms
//!
//! Each module of this crate is a *room*. Data flows in one direction: a room imports only the rooms
//! to its left. Rooms that stand together in braces do not import each other, except that `cli`
//! starts the `tui`. `tests/imports.rs` checks this.
//!
//! ```text
//! model, text, config, kube, { ingest mine index detect diagnose remediate },
//! corpus, analysis, cluster, chat, { cli tui }
//! ```
//!
//! | room | what it does | where to change it (paths in `src/`) |
//! |---|---|---|
//! | [`model`] | holds the data types that all rooms share | |
//! | [`text`] | pure functions on text, time and integers | |
//! | [`config`] | reads arguments, settings, keys and themes | a key of a command: `config/keymap.rs`; a new command: also `tui/update/command.rs` |
//! | [`kube`] | runs kubectl; no other room does | the commands that are allowed: `kube/gate.rs` |
//! | [`ingest`] | turns bytes into events | a new log format: a TOML file in `ingest/formats/` |
//! | [`mine`] | groups events into templates | |
//! | [`index`] | stores events for fast search, and keeps the cache on disk | |
//! | [`detect`] | finds time ranges with unusual counts, values or sequences | the statistics: `detect/windows.rs` |
//! | [`diagnose`] | finds the service that failed first | the classes of faults: `diagnose/rules.toml` |
//! | [`remediate`] | proposes actions | a new kubectl action: `remediate/catalog.toml`; allowed in `kube/gate.rs` if it needs a new kubectl verb |
//! | [`corpus`] | reads, follows and searches the logs that are open | |
//! | [`analysis`] | runs the stages on an open corpus: findings, diagnosis, plan, report | a new reason of an anomaly: `analysis/reasons.rs`, and its name in `model/anomaly.rs` |
//! | [`cluster`] | checks and applies actions on a cluster, and reads live logs | |
//! | [`chat`] | answers questions, with a language model or with fixed rules | the texts sent to the model: `prompts/`, next to `src/` |
//! | [`cli`] | the commands: one file each | |
//! | [`tui`] | the terminal UI | a new pane: its state in `tui/state/`, what it says in `tui/panes/`, its keys in `tui/update/`, how it is drawn in `tui/view/` |
//!
//! # Glossary
//!
//! - **corpus**: all logs that are open.
//! - **source**: a log file, a member of an archive, or a pipe.
//! - **event**: one log entry, of one or more lines.
//! - **variable**: a part of a message that differs between similar events, such as a number.
//! - **shape**: a message in which a placeholder stands for each variable.
//! - **header**: the level, the service and the call site of an event.
//! - **kind**: a shape together with a header. All events of a kind are analyzed once.
//! - **call site**: the place in a source file that printed a line, such as `main.go:12`. A log may or
//!   may not tell it.
//! - **template**: one shape, or several similar shapes that are shown to the user as one.
//! - **chunk**: a few MB of consecutive events of one source; the unit that is read and stored.
//! - **block**: about 64 KB of a chunk; the unit that a search can skip.
//! - **snapshot**: an unchanging view of everything read so far.
//! - **baseline**: the events that count as normal. Other events are compared with them.
//! - **window** or **anomaly**: a time range in which something differs from the baseline.
//! - **reason**: one such difference, as a sentence with the lines that prove it.
//! - **session**: the events that share an identifier, such as a request.
//! - **evidence**: log lines that support a conclusion.
//! - **diagnosis**: the services that probably failed first, and how the failure spread.
//! - **action**: something that can repair the fault, usually a kubectl command.
//! - **preflight**: the checks of an action on the live cluster before it runs.

#![warn(clippy::too_many_lines)]

pub mod analysis;
pub mod chat;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod corpus;
pub mod detect;
pub mod diagnose;
pub mod index;
pub mod ingest;
pub mod kube;
pub mod mine;
pub mod model;
pub mod remediate;
pub mod text;
pub mod tui;
