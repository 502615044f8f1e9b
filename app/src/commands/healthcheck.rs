//! One bare HTTP GET, so that an image without a shell has a probe.

mod trust;

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::cli::HealthcheckArgs;
use crate::config::Invalid;

const TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) fn healthcheck(args: &HealthcheckArgs) -> anyhow::Result<ExitCode> {
    let url = &args.url;
    let Some(target) = Target::parse(url) else {
        let reason =
            format!("{url:?} is no http or https address; write for example http://127.0.0.1:9872/-/ready");
        return Err(Invalid::Healthcheck(reason).into());
    };
    let tls = target.tls.then(|| trust::config(args)).transpose()?;
    let name = args.server_name.as_deref().unwrap_or(target.host);
    let status = target.status(tls, name).with_context(|| format!("{} does not answer", target.address()))?;
    if (200..300).contains(&status) {
        Ok(ExitCode::SUCCESS)
    } else {
        errln!("{url} answers {status}");
        Ok(ExitCode::FAILURE)
    }
}

/// An address taken apart.
#[derive(Debug, PartialEq)]
struct Target<'a> {
    tls: bool,
    /// As it stands in the address, brackets included.
    host: &'a str,
    port: u16,
    path: &'a str,
}

impl<'a> Target<'a> {
    fn parse(url: &'a str) -> Option<Self> {
        let (tls, rest) = match url.split_once("://")? {
            ("http", rest) => (false, rest),
            ("https", rest) => (true, rest),
            _ => return None,
        };
        let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        let port = authority.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
        let (host, port) = port.unwrap_or((authority, if tls { 443 } else { 80 }));
        if host.is_empty() || url.chars().any(|c| c.is_ascii_control() || c == ' ') {
            return None;
        }
        Some(Self { tls, host, port, path })
    }

    fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    fn status(&self, tls: Option<Arc<ClientConfig>>, name: &str) -> anyhow::Result<u16> {
        // A name can have an address of each family, and the listener only one.
        let addresses = self.address().to_socket_addrs()?;
        let attempts = addresses.map(|address| TcpStream::connect_timeout(&address, TIMEOUT));
        let stream = attempts.reduce(Result::or).context("the name has no address")??;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        let Some(tls) = tls else { return self.request(stream) };
        let name = ServerName::try_from(name.trim_matches(['[', ']']).to_owned())?;
        self.request(StreamOwned::new(ClientConnection::new(tls, name)?, stream))
    }

    fn request(&self, mut stream: impl Read + Write) -> anyhow::Result<u16> {
        let (path, host) = (self.path, self.address());
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
        // The status line is all that is asked; twelve bytes hold it: "HTTP/1.1 200".
        let mut line = [0_u8; 12];
        stream.read_exact(&mut line)?;
        match std::str::from_utf8(&line)?.split_once(' ') {
            Some((version, status)) if version.starts_with("HTTP/1.") => Ok(status.parse()?),
            _ => bail!("the answer is not HTTP"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn healthcheck_addresses_are_parsed() {
        let check = |url, expected: Option<(bool, &str, u16, &str)>| {
            let expected = expected.map(|(tls, host, port, path)| Target { tls, host, port, path });
            assert_eq!(Target::parse(url), expected, "{url}");
        };
        check("http://127.0.0.1:9872/-/ready", Some((false, "127.0.0.1", 9872, "/-/ready")));
        check("http://localhost", Some((false, "localhost", 80, "/")));
        check("http://[::1]:9872/-/ready", Some((false, "[::1]", 9872, "/-/ready")));
        check("http://[::1]/", Some((false, "[::1]", 80, "/")));
        check("https://localhost/-/ready", Some((true, "localhost", 443, "/-/ready")));
        check("ftp://localhost/", None);
        check("localhost:9872", None);
        check("http:///x", None);
        check("http://a/\r\nX: y", None);
    }
}
