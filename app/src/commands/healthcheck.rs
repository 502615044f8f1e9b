//! One bare HTTP GET, so that an image without a shell has a probe.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};

const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) fn healthcheck(url: &str) -> anyhow::Result<ExitCode> {
    let Some((host, path)) = parse(url) else {
        eprintln!("error: {url:?} is no http address; write for example http://127.0.0.1:9872/-/ready");
        return Ok(ExitCode::from(crate::USAGE));
    };
    let status = status(&host, path).with_context(|| format!("{host} does not answer"))?;
    if (200..300).contains(&status) {
        Ok(ExitCode::SUCCESS)
    } else {
        eprintln!("{url} answers {status}");
        Ok(ExitCode::FAILURE)
    }
}

/// Host with port, and path.
fn parse(url: &str) -> Option<(String, &str)> {
    let rest = url.strip_prefix("http://")?;
    let (host, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    if host.is_empty() || url.chars().any(|c| c.is_ascii_control() || c == ' ') {
        return None;
    }
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    Some((if has_port { host.to_owned() } else { format!("{host}:80") }, path))
}

fn status(host: &str, path: &str) -> anyhow::Result<u16> {
    // A name can have an address of each family, and the listener only one.
    let addresses = host.to_socket_addrs()?.map(|address| TcpStream::connect_timeout(&address, PATIENCE));
    let mut stream = addresses.reduce(Result::or).context("the name has no address")??;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    // The status line is all that is asked; twelve bytes hold it: "HTTP/1.1 200".
    let mut line = [0_u8; 12];
    stream.read_exact(&mut line)?;
    match std::str::from_utf8(&line)?.split_once(' ') {
        Some((version, status)) if version.starts_with("HTTP/1.") => Ok(status.parse()?),
        _ => bail!("the answer is not HTTP"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let check = |url, expected: Option<(&str, &str)>| {
            assert_eq!(parse(url), expected.map(|(host, path)| (host.to_owned(), path)), "{url}");
        };
        check("http://127.0.0.1:9872/-/ready", Some(("127.0.0.1:9872", "/-/ready")));
        check("http://localhost", Some(("localhost:80", "/")));
        check("http://[::1]:9872/-/ready", Some(("[::1]:9872", "/-/ready")));
        check("https://localhost/", None);
        check("http:///x", None);
        check("http://a/\r\nX: y", None);
    }
}
