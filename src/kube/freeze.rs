//! Makes the private copy of one context of the user's configuration, and compares it with the
//! configuration later. Knows no objects of a cluster.

use super::access::Access;
use super::copies;
use super::run::{self, Error};
use crate::model::{Command, Context, Operation};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Timeout of reading the configuration.
const QUICK: Duration = Duration::from_secs(15);

/// Fields of a cluster and of a user that decide where a command goes and what runs for it. Keys,
/// certificates and tokens of the user are not among them, because they are renewed.
const FIELDS: &[(&str, &str)] = &[
    ("/clusters/0/cluster/server", "server"),
    (
        "/clusters/0/cluster/certificate-authority-data",
        "certificate authority",
    ),
    (
        "/clusters/0/cluster/certificate-authority",
        "certificate authority",
    ),
    (
        "/clusters/0/cluster/insecure-skip-tls-verify",
        "TLS verification",
    ),
    ("/clusters/0/cluster/tls-server-name", "TLS server name"),
    ("/clusters/0/cluster/proxy-url", "proxy"),
    ("/users/0/user/exec", "login program"),
    ("/users/0/user/auth-provider/name", "login provider"),
    (
        "/users/0/user/auth-provider/config/idp-issuer-url",
        "login provider",
    ),
    (
        "/users/0/user/auth-provider/config/client-id",
        "login provider",
    ),
    (
        "/users/0/user/auth-provider/config/cmd-path",
        "login program",
    ),
    (
        "/users/0/user/auth-provider/config/cmd-args",
        "login program",
    ),
    ("/users/0/user/as", "impersonated user"),
    ("/users/0/user/as-groups", "impersonated groups"),
    ("/contexts/0/context/user", "user"),
];

/// Copies a context of the user's configuration, or the current one. Later changes of the
/// configuration do not change where commands go. Without a configuration, for example in a pod of
/// the cluster, kubectl finds its own way.
pub fn freeze(context: Option<&str>) -> Result<Access, Error> {
    match (read(context), context) {
        (Ok(config), _) => {
            let text = serde_json::to_vec(&config)?;
            let file = copies::create(&text).map_err(Error::Config)?;
            Ok(Access::of(file, context.map(String::from), config))
        }
        (Err(Error::Failed(_)), None) => Ok(Access::default()),
        (Err(e), _) => Err(e),
    }
}

/// Reads one context, with its certificates and keys in place of the names of their files.
fn read(context: Option<&str>) -> Result<Value, Error> {
    let context = context.map_or(Context::Current, |c| Context::Named(c.to_string()));
    let view = Command::new(&context, "default", Operation::ViewConfig);
    let mut config = run::json(&Access::default(), &view, QUICK)?;
    for folder in folders() {
        make_absolute(&mut config, &folder);
    }
    Ok(config)
}

/// The folders of the user's configuration files.
fn folders() -> Vec<PathBuf> {
    let own = std::env::var_os("KUBECONFIG").filter(|k| !k.is_empty());
    let files: Vec<PathBuf> = match own {
        Some(list) => std::env::split_paths(&list).collect(),
        None => std::env::var_os("HOME")
            .map(|home| Path::new(&home).join(".kube/config"))
            .into_iter()
            .collect(),
    };
    let folders = files.iter().filter_map(|f| Some(f.parent()?.to_path_buf()));
    folders
        .filter_map(|f| std::path::absolute(f).ok())
        .collect()
}

/// Makes the paths of a login program and of a token file absolute. kubectl reads them relative to
/// the folder of the configuration, which is another one for the copy.
fn make_absolute(config: &mut Value, folder: &Path) {
    for pointer in ["/users/0/user/exec/command", "/users/0/user/tokenFile"] {
        let Some(value) = config.pointer_mut(pointer) else {
            continue;
        };
        let text = value.as_str().unwrap_or_default();
        // A name without a slash is searched for on the path.
        let is_relative =
            !text.starts_with('/') && (text.contains('/') || pointer.ends_with("File"));
        let found = folder.join(text);
        if is_relative && !text.is_empty() && found.exists() {
            *value = json!(found);
        }
    }
}

/// Compares a copy with the user's configuration as it is now. Returns the names of the settings
/// that differ and the present way, or `None` if they agree; then the copy gets renewed keys and
/// tokens.
pub fn moved(access: &Access) -> Result<Option<(Vec<&'static str>, Access)>, Error> {
    let Some(context) = access.context() else {
        return Ok(None);
    };
    let now = read(context)?;
    let mut changed: Vec<&'static str> = Vec::new();
    let differs = |pointer: &str| access.setting(pointer) != now.pointer(pointer);
    changed.extend(FIELDS.iter().filter(|f| differs(f.0)).map(|f| f.1));
    changed.dedup();
    if changed.is_empty() {
        if let Some(file) = access.file() {
            copies::replace(file, &serde_json::to_vec(&now)?).map_err(Error::Config)?;
        }
        return Ok(None);
    }
    Ok(Some((changed, freeze(context)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_programs_and_files_are_found_where_the_configuration_is() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["plug.sh", "token"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let user = |command: &str, token: &str| json!({"users": [{"user": {"exec": {"command": command}, "tokenFile": token}}]});
        let mut config = user("./plug.sh", "token");
        make_absolute(&mut config, folder.path());
        let absolute = |name: &str| folder.path().join(name).display().to_string();
        assert_eq!(config, user(&absolute("./plug.sh"), &absolute("token")));
        let mut config = user("plug.sh", "/etc/token");
        make_absolute(&mut config, folder.path());
        assert_eq!(config, user("plug.sh", "/etc/token"));
    }
}
