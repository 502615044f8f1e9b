//! Where to listen: addresses, or sockets that the service manager has opened already.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use tokio::net::TcpListener;

/// An address to listen on, as Prometheus exporters take it: `host:port`, or `:port` for every interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || {
            "write ADDRESS:PORT, for example 127.0.0.1:9872, [::1]:9872, localhost:9872, or :9872 for every interface"
                .to_owned()
        };
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().map_err(|_| wrong())?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = match bare {
            Some(address) => address.parse::<Ipv6Addr>().map_err(|_| wrong())?.to_string(),
            None if host.is_empty() => Ipv6Addr::UNSPECIFIED.to_string(),
            None if host.contains([':', '/', ' ']) => return Err(wrong()),
            None => host.to_owned(),
        };
        Ok(Self { host, port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.parse() {
            Ok(address) => SocketAddr::new(address, self.port).fmt(f),
            Err(_) => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// Where the sockets of a listener come from.
#[derive(Clone, Debug)]
pub enum Sockets {
    /// Bind these; the flag that named them is for errors.
    Bind(Vec<Address>, &'static str),
    /// Take those that systemd opened.
    Systemd,
}

/// Why a listener has no socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// An address cannot be bound.
    #[error("cannot listen on {address}; choose another address with {flag}")]
    Bind {
        /// Which.
        address: Address,
        /// The flag that named it.
        flag: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// systemd passed something other than a listening TCP socket.
    #[error("a socket that systemd handed over is no TCP socket; use ListenStream=")]
    NotTcp(#[source] std::io::Error),
    /// A socket was used before.
    #[error("a socket that systemd handed over was taken already")]
    Taken,
    /// systemd passed no socket.
    #[error("--web.systemd-socket is set but systemd handed over no socket; start the .socket unit")]
    NoSocket,
}

impl Sockets {
    /// Open sockets, at least one.
    pub async fn open(&self) -> Result<Vec<TcpListener>, SocketError> {
        match self {
            Self::Bind(addresses, flag) => {
                let mut sockets = Vec::with_capacity(addresses.len());
                for address in addresses {
                    let failed = |source| SocketError::Bind { address: address.clone(), flag, source };
                    sockets.push(bind(address).await.map_err(failed)?);
                }
                Ok(sockets)
            }
            Self::Systemd => handed_over(),
        }
    }
}

async fn bind(address: &Address) -> std::io::Result<TcpListener> {
    let bound = TcpListener::bind((address.host.as_str(), address.port)).await;
    match bound {
        // "Every interface" where the machine has no IPv6.
        Err(_) if address.host == Ipv6Addr::UNSPECIFIED.to_string() => {
            TcpListener::bind((IpAddr::from([0, 0, 0, 0]), address.port)).await
        }
        bound => bound,
    }
}

fn handed_over() -> Result<Vec<TcpListener>, SocketError> {
    let mut given = listenfd::ListenFd::from_env();
    let mut sockets = Vec::new();
    for index in 0..given.len() {
        let socket = given.take_tcp_listener(index).map_err(SocketError::NotTcp)?;
        let socket = socket.ok_or(SocketError::Taken)?;
        socket.set_nonblocking(true).map_err(SocketError::NotTcp)?;
        sockets.push(TcpListener::from_std(socket).map_err(SocketError::NotTcp)?);
    }
    if sockets.is_empty() {
        return Err(SocketError::NoSocket);
    }
    Ok(sockets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listen_address_has_the_format_of_exporters() {
        let check = |text: &str, expected: &str| {
            assert_eq!(text.parse::<Address>().map(|a| a.to_string()), Ok(expected.to_owned()), "{text}");
        };
        check("127.0.0.1:9872", "127.0.0.1:9872");
        check("[::1]:9872", "[::1]:9872");
        check(":9872", "[::]:9872");
        check("localhost:0", "localhost:0");
        for bad in ["9872", "", "localhost", "::1:9872", "[::1]", "a:b", "a:99999", "http://x:1", "[x]:1"] {
            assert!(bad.parse::<Address>().is_err(), "{bad:?}");
        }
    }
}
