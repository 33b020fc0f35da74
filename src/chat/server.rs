//! The address of an Ollama server. Sends nothing.

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
            url: format!("{scheme}://{host}:{port}{path}"),
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

    /// True if the host is a loopback address.
    pub fn is_local(&self) -> bool {
        let host = self.url.split("://").nth(1).unwrap_or_default();
        ["127.", "localhost", "[::1]"]
            .iter()
            .any(|l| host.starts_with(l))
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
        assert!(Server::parse("localhost").is_local() && !Server::parse("gpu").is_local());
    }
}
