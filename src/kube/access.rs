//! How kubectl reaches a cluster: with a private copy of one context of the user's configuration,
//! and an environment without settings that change what a command does. Knows no objects.

use serde_json::Value;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

/// Variables that kubectl keeps if nothing else runs for it.
const KEPT: &[&str] = &[
    "HOME",
    "KUBERNETES_SERVICE_HOST",
    "KUBERNETES_SERVICE_PORT",
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
/// Prefixes of variables of programs that choose the version of kubectl.
const VERSION_MANAGERS: &[&str] = &["ASDF_", "MISE_"];
/// Prefixes of variables that change what kubectl or any program does. They are never kept, also
/// not for a login program.
const REMOVED: &[&str] = &[
    "DYLD_",
    "KUBECONFIG",
    "KUBECTL_",
    "KUBERC",
    "KUBE_EDITOR",
    "LD_PRELOAD",
];

/// A way to a cluster. The default is the user's own configuration.
#[derive(Clone, Debug, Default)]
pub struct Access(Option<Arc<Frozen>>);

/// A copy of one context.
#[derive(Debug)]
struct Frozen {
    /// Readable by the user only. Deleted when the last copy of the access is dropped.
    file: tempfile::TempPath,
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
    /// A way by a copy of a context. `file` holds `config`.
    pub(super) fn of(file: tempfile::TempPath, context: Option<String>, config: Value) -> Access {
        Access(Some(Arc::new(Frozen {
            file,
            context,
            config,
        })))
    }

    /// The context that was copied; `None` for the one that was current. The outer `None` means
    /// that nothing was copied.
    pub(super) fn context(&self) -> Option<Option<&str>> {
        self.0.as_ref().map(|f| f.context.as_deref())
    }

    /// A setting in the copy, by its JSON pointer.
    pub(super) fn setting(&self, pointer: &str) -> Option<&Value> {
        self.0.as_ref()?.config.pointer(pointer)
    }

    /// A text in the configuration, by its JSON pointer. Empty if there is none.
    fn text(&self, pointer: &str) -> String {
        let found = self.setting(pointer).and_then(Value::as_str);
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

    /// Prepares the environment of a kubectl process.
    pub(super) fn apply(&self, process: &mut std::process::Command) {
        process.env_clear();
        let has_login =
            self.login_program().is_some() || self.setting("/users/0/user/auth-provider").is_some();
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
    pub(super) fn file(&self) -> Option<&Path> {
        self.0.as_ref().map(|f| &*f.file)
    }
}

/// Whether kubectl gets a variable of faultline's environment. `has_login`: the context names a
/// program that logs in, and such a program can need any variable.
fn is_kept(name: &OsString, has_login: bool) -> bool {
    let Some(name) = name.to_str() else {
        return has_login;
    };
    let starts = |prefixes: &[&str]| prefixes.iter().any(|p| name.starts_with(p));
    !starts(REMOVED)
        && (has_login
            || KEPT.contains(&name)
            || PROXIES.contains(&name)
            || starts(VERSION_MANAGERS))
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
        assert!(kept("AWS_PROFILE", true) && kept("SSH_AUTH_SOCK", true));
        assert!(
            !kept("KUBERC", true) && !kept("KUBECTL_KUBERC", true) && !kept("LD_PRELOAD", true)
        );
    }
}
