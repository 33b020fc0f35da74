//! The address of an Ollama server. Sends nothing.

use super::error::Error;
use std::net::IpAddr;

/// An Ollama server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Without a trailing slash.
    pub url: String,
}

impl Server {
    /// Parses an address in the format of `OLLAMA_HOST`: `[scheme://]host[:port][/path]`.
    pub fn parse(text: &str) -> Server {
        let text = text.trim().trim_matches(['"', '\'']);
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        let (host_port, path) = rest.split_once('/').unwrap_or((rest, ""));
        // A login is kept, so that `check` can refuse it.
        let (login, host_port) = match host_port.rsplit_once('@') {
            Some((login, host_port)) => (format!("{login}@"), host_port),
            None => (String::new(), host_port),
        };
        let default = match scheme {
            "http" => 80,
            "https" => 443,
            _ => 11434,
        };
        let (host, port) = match host_port
            .rsplit_once(':')
            .filter(|(h, _)| !h.contains(':') || h.ends_with(']'))
        {
            Some((h, p)) => (h, p.parse::<u16>().unwrap_or(default)),
            None => (host_port, default),
        };
        let host = match host {
            "" | "0.0.0.0" => "127.0.0.1",
            "[::]" | "::" => "[::1]",
            h => h,
        };
        let path = path.trim_end_matches('/');
        let path = if path.is_empty() {
            String::new()
        } else {
            format!("/{path}")
        };
        let scheme = if scheme == "https" { "https" } else { "http" };
        Server {
            url: format!("{scheme}://{login}{host}:{port}{path}"),
        }
    }

    /// The server at `address`, otherwise at `OLLAMA_HOST`, otherwise at the default address.
    pub fn find(address: Option<&str>) -> Server {
        let given = address.map(String::from).or_else(|| {
            std::env::var("OLLAMA_HOST")
                .ok()
                .filter(|h| !h.trim().is_empty())
        });
        Server::parse(given.as_deref().unwrap_or("127.0.0.1:11434"))
    }

    /// True if the host is `localhost` or a loopback address. Decided from the parsed address, so
    /// that a name such as `127.0.0.1.example` is not local.
    pub fn is_local(&self) -> bool {
        let Ok(url) = reqwest::Url::parse(&self.url) else {
            return false;
        };
        let host = url.host_str().unwrap_or_default();
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
        host == "localhost" || address.is_ok_and(|a| a.is_loopback())
    }

    /// Fails if the address cannot be used: it is no URL, or it contains a login, which would be
    /// shown and stored with it.
    pub fn check(&self) -> Result<(), Error> {
        let url = reqwest::Url::parse(&self.url).map_err(|e| Error::Address(e.to_string()))?;
        match url.username().is_empty() && url.password().is_none() {
            true => Ok(()),
            false => Err(Error::Address(
                "it must not contain a user or a password".into(),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_parsed_as_ollama_parses_them() {
        for (text, url) in [
            ("", "http://127.0.0.1:11434"),
            ("0.0.0.0", "http://127.0.0.1:11434"),
            ("gpu:9000", "http://gpu:9000"),
            ("http://gpu", "http://gpu:80"),
            ("https://gpu/ollama/", "https://gpu:443/ollama"),
            ("[::1]:5", "http://[::1]:5"),
            ("host:x", "http://host:11434"),
        ] {
            assert_eq!(Server::parse(text).url, url, "{text}");
        }
    }

    #[test]
    fn only_localhost_and_loopback_addresses_are_local() {
        for local in [
            "",
            "localhost",
            "127.0.0.1",
            "127.8.9.1:80",
            "[::1]:5",
            "http://localhost/x",
            "0.0.0.0",
        ] {
            assert!(Server::parse(local).is_local(), "{local}");
        }
        for remote in [
            "gpu",
            "http://127.x.invalid:1",
            "localhost.x.invalid",
            "http://127.0.0.1@x.invalid",
            "http://localhost@x.invalid",
            "http://127.0.0.1:80@x.invalid",
            "10.0.0.1",
            "[::2]",
            "http://x/127.0.0.1",
            "http://x?127.0.0.1",
            "http://x#@localhost",
            "localhost\t.x.invalid",
        ] {
            assert!(!Server::parse(remote).is_local(), "{remote}");
        }
        assert!(Server::parse("http://me:pw@gpu").check().is_err());
        assert!(Server::parse("gpu:9000").check().is_ok());
    }
}
