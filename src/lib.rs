//! faultline: a terminal debugger for logs. The rooms are listed in the order in which they may import each other:
//! a room knows only those above it, and the stages (ingest, mine, index) never know each other.

pub mod model;

pub mod text;

pub mod config;

pub mod ingest;

pub mod mine;

pub mod index;

pub mod detect;

pub mod kube;

pub mod remediate;

pub mod diagnose;

pub mod engine;

pub mod chat;

pub mod cli;

pub mod tui;
