//! Makes the private copy of one context of the user's configuration, and compares it with the
//! configuration later. Knows no objects of a cluster.

use super::access::Access;
use super::run::{self, Error};
use crate::model::{Command, Context, Operation};
use serde_json::Value;
use std::io::Write;
use std::time::Duration;

/// Timeout of reading the configuration.
const QUICK: Duration = Duration::from_secs(15);
/// Fields of a cluster and of a user that decide where a command goes and what runs for it. Keys
/// and certificates of the user are not among them, because they are renewed.
const CLUSTER_FIELDS: &[(&str, &str)] = &[
    ("server", "server"),
    ("certificate-authority-data", "certificate authority"),
    ("certificate-authority", "certificate authority"),
    ("insecure-skip-tls-verify", "TLS verification"),
    ("tls-server-name", "TLS server name"),
    ("proxy-url", "proxy"),
];
const USER_FIELDS: &[(&str, &str)] = &[
    ("exec", "login program"),
    ("auth-provider", "login provider"),
    ("as", "impersonated user"),
    ("as-groups", "impersonated groups"),
];

/// Copies a context of the user's configuration, or the current one. Later changes of the
/// configuration do not change where commands go.
pub fn freeze(context: Option<&str>) -> Result<Access, Error> {
    let config = read(context)?;
    let mut file = tempfile::Builder::new()
        .prefix("faultline-kubeconfig-")
        .tempfile()
        .map_err(Error::Config)?;
    let text = serde_json::to_vec(&config)?;
    file.write_all(&text).map_err(Error::Config)?;
    Ok(Access::of(file, context.map(String::from), config))
}

/// Reads one context, with its certificates and keys in place of the names of their files.
fn read(context: Option<&str>) -> Result<Value, Error> {
    let context = context.map_or(Context::Current, |c| Context::Named(c.to_string()));
    let view = Command::new(&context, "default", Operation::ViewConfig);
    run::json(&Access::default(), &view, QUICK)
}

/// Compares a copy with the user's configuration as it is now. Returns the names of the settings
/// that differ and the present way, or `None` if they agree.
pub fn moved(access: &Access) -> Result<Option<(Vec<&'static str>, Access)>, Error> {
    let Some(context) = access.context() else {
        return Ok(None);
    };
    let now = freeze(context)?;
    let parts = [
        ("/clusters/0/cluster", CLUSTER_FIELDS),
        ("/users/0/user", USER_FIELDS),
        ("/contexts/0/context", &[("user", "user")]),
    ];
    let mut changed: Vec<&'static str> = Vec::new();
    for (part, fields) in parts {
        let differs = |field: &str| access.setting(part, field) != now.setting(part, field);
        changed.extend(fields.iter().filter(|f| differs(f.0)).map(|f| f.1));
    }
    changed.dedup();
    Ok((!changed.is_empty()).then_some((changed, now)))
}
