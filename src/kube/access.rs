//! How kubectl reaches a cluster: with a private copy of one context of the user's configuration,
//! and an environment without settings that change what a command does. Knows no objects.

use super::run::{self, Error};
use crate::model::{Command, Context, Operation};
use serde_json::Value;
use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Timeout of reading the configuration.
const QUICK: Duration = Duration::from_secs(15);

/// Variables that kubectl keeps. Others could add plugins, preferences or another configuration.
const KEPT: &[&str] = &[
    "HOME",
    "LANG",
    "LC_ALL",
    "LOGNAME",
    "PATH",
    "SHELL",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TERM",
    "TMPDIR",
    "TZ",
    "USER",
    "XDG_RUNTIME_DIR",
];
/// Variables that send the traffic through a proxy.
const PROXIES: &[&str] = &[
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];
/// Prefixes of the variables that programs for cloud logins read. Kept only if the context uses
/// such a program.
const LOGIN_PREFIXES: &[&str] = &[
    "AAD_",
    "ALIBABA_",
    "AWS_",
    "AZURE_",
    "CLOUDSDK_",
    "DIGITALOCEAN_",
    "GOOGLE_",
    "IBMCLOUD_",
    "KUBELOGIN_",
    "OCI_",
    "OS_",
    "TELEPORT_",
    "TSH_",
    "USE_GKE_",
    "XDG_",
];
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

/// A way to a cluster. The default is the user's own configuration.
#[derive(Clone, Debug, Default)]
pub struct Access(Option<Arc<Frozen>>);

/// A copy of one context.
#[derive(Debug)]
struct Frozen {
    /// Readable by the user only. Deleted when the last copy of the access is dropped.
    file: tempfile::NamedTempFile,
    context: Option<String>,
    config: Value,
}

/// Two ways are equal if they are the same copy.
impl PartialEq for Access {
    fn eq(&self, other: &Access) -> bool {
        match (&self.0, &other.0) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (a, b) => a.is_none() && b.is_none(),
        }
    }
}

impl Access {
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
        Ok(Access(Some(Arc::new(Frozen {
            file,
            context: context.map(String::from),
            config,
        }))))
    }

    /// A text in the configuration, by its JSON pointer. Empty if there is none.
    fn text(&self, pointer: &str) -> String {
        let found = self
            .0
            .as_ref()
            .and_then(|f| f.config.pointer(pointer)?.as_str());
        found.unwrap_or_default().to_string()
    }

    pub fn server(&self) -> String {
        self.text("/clusters/0/cluster/server")
    }

    pub fn user(&self) -> String {
        self.text("/contexts/0/context/user")
    }

    pub fn namespace(&self) -> String {
        self.text("/contexts/0/context/namespace")
    }

    /// The proxy that commands go through, if any: of the cluster, or of the environment.
    pub fn proxy(&self) -> Option<String> {
        let own = Some(self.text("/clusters/0/cluster/proxy-url")).filter(|p| !p.is_empty());
        let of_environment = || {
            let names = ["HTTPS_PROXY", "https_proxy"].iter();
            names
                .filter_map(|n| std::env::var(n).ok())
                .find(|p| !p.is_empty())
        };
        own.or_else(of_environment)
    }

    /// The program that logs in, if the context uses one.
    pub fn login_program(&self) -> Option<String> {
        Some(self.text("/users/0/user/exec/command")).filter(|c| !c.is_empty())
    }

    /// Compares the copy with the user's configuration as it is now. Returns what differs and the
    /// present way, or `None` if they agree.
    pub fn moved(&self) -> Result<Option<(Vec<&'static str>, Access)>, Error> {
        let Some(frozen) = &self.0 else {
            return Ok(None);
        };
        let now = Access::freeze(frozen.context.as_deref())?;
        let value = |access: &Access, part: &str, field: &str| {
            let config = access.0.as_ref().map(|f| &f.config);
            config.and_then(|c| c.pointer(part)?.get(field).cloned())
        };
        let parts = [
            ("/clusters/0/cluster", CLUSTER_FIELDS),
            ("/users/0/user", USER_FIELDS),
            ("/contexts/0/context", &[("user", "user")]),
        ];
        let mut changed: Vec<&'static str> = Vec::new();
        for (part, fields) in parts {
            for (field, name) in fields {
                if value(self, part, field) != value(&now, part, field) {
                    changed.push(name);
                }
            }
        }
        changed.dedup();
        Ok((!changed.is_empty()).then_some((changed, now)))
    }

    /// Prepares the environment of a kubectl process.
    pub(super) fn apply(&self, process: &mut std::process::Command) {
        process.env_clear();
        let has_login = self.login_program().is_some();
        for (name, value) in std::env::vars_os() {
            if is_kept(&name, has_login) {
                process.env(name, value);
            }
        }
        let file = self.file().map(|f| f.as_os_str().to_owned());
        if let Some(file) = file.or_else(|| std::env::var_os("KUBECONFIG")) {
            process.env("KUBECONFIG", file);
        }
        // Preferences could add flags to a command that was shown without them.
        process.env("KUBERC", "off").env("KUBECTL_KUBERC", "false");
    }

    /// The file of the copy.
    fn file(&self) -> Option<&Path> {
        self.0.as_ref().map(|f| f.file.path())
    }
}

/// Whether kubectl gets a variable of faultline's environment.
fn is_kept(name: &OsString, has_login: bool) -> bool {
    let Some(name) = name.to_str() else {
        return false;
    };
    KEPT.contains(&name)
        || PROXIES.contains(&name)
        || has_login && LOGIN_PREFIXES.iter().any(|p| name.starts_with(p))
}

/// Reads one context of the user's configuration, with its certificates and keys in place of the
/// names of their files.
fn read(context: Option<&str>) -> Result<Value, Error> {
    let context = context.map_or(Context::Current, |c| Context::Named(c.to_string()));
    let view = Command::new(&context, "default", Operation::ViewConfig);
    run::json(&Access::default(), &view, QUICK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_variables_reach_kubectl() {
        let kept = |name: &str, login| is_kept(&OsString::from(name), login);
        assert!(kept("PATH", false) && kept("HTTPS_PROXY", false));
        for name in [
            "KUBECONFIG",
            "KUBECTL_KUBERC",
            "KUBERC",
            "KUBECTL_EXTERNAL_DIFF",
            "KUBE_EDITOR",
            "LD_PRELOAD",
            "AWS_PROFILE",
        ] {
            assert!(!kept(name, false), "{name}");
        }
        assert!(kept("AWS_PROFILE", true) && !kept("KUBERC", true));
    }
}
