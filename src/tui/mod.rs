//! Placeholder.
use crate::config::settings::Settings;
use crate::engine::Options;
pub fn run(_: Options, _: Settings, _: Option<&str>) -> Result<(), String> { Err("no screen yet".into()) }
