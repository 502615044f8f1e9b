//! Which client a request comes from: the address of the connection, or the one that a trusted proxy states.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State as With};
use axum::http::{Extensions, HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use ipnet::IpNet;

/// The header in which proxies state the client's address. Only this one is read: a proxy that writes one of them passes
/// the other on as the client wrote it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Forwarded {
    /// `X-Forwarded-For: client, proxy`.
    #[default]
    XForwardedFor,
    /// `Forwarded: for=client, for=proxy` (RFC 7239).
    Forwarded,
}

/// Which proxies are trusted to state the client's address.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    /// Their networks; none by default.
    pub trusted: Vec<IpNet>,
    /// The header they write.
    pub header: Forwarded,
}

/// One client, as far as limits go: an IPv4 address, or a /64 of IPv6, which is what a subscriber has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Client {
    /// Its bits; an IPv4 address as an IPv4-mapped one.
    Address(u128),
    /// A request that came over no connection.
    Unknown,
    /// All clients beyond the number that is tracked.
    Crowd,
}

impl Client {
    /// The client at this address.
    pub fn of(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
            IpAddr::V6(address) => address.to_bits() & !u128::from(u64::MAX),
        })
    }
}

impl Proxies {
    /// The address of the client of a request; `None` where it came over no connection.
    pub fn address_of(&self, extensions: &Extensions, headers: &HeaderMap) -> Option<IpAddr> {
        let ConnectInfo(peer) = extensions.get::<ConnectInfo<SocketAddr>>()?;
        Some(self.address(peer.ip(), headers))
    }

    /// The client behind a proxy at this address; `None` where that is no trusted proxy.
    pub fn behind(&self, peer: IpAddr, headers: &HeaderMap) -> Option<Client> {
        self.trusts(peer.to_canonical()).then(|| Client::of(self.address(peer, headers)))
    }

    /// Read from the right, where the nearest proxy wrote: the first address that is not a trusted proxy. Everything left
    /// of it was written by the client.
    fn address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut address = peer.to_canonical();
        if !self.trusts(address) {
            return address;
        }
        let lines: Vec<&str> = match self.header {
            Forwarded::XForwardedFor => headers.get_all("x-forwarded-for"),
            Forwarded::Forwarded => headers.get_all(header::FORWARDED),
        }
        .iter()
        .filter_map(|line| line.to_str().ok())
        .collect();
        for hop in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
            let stated = match self.header {
                Forwarded::XForwardedFor => node(hop),
                Forwarded::Forwarded => hop.split(';').find_map(|pair| {
                    let (name, value) = pair.split_once('=')?;
                    name.trim().eq_ignore_ascii_case("for").then(|| node(value))?
                }),
            };
            // A hop that hides or garbles its client counts as the client.
            let Some(stated) = stated else { return address };
            address = stated;
            if !self.trusts(address) {
                return address;
            }
        }
        address
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(&address))
    }
}

/// The address of a request's client, after trusted proxies; `None` where it came over no connection.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub Option<IpAddr>);

/// Middleware that adds [`Client`] and [`ClientAddress`] to the request, for limits per client.
pub async fn identify(With(proxies): With<Arc<Proxies>>, mut request: Request, next: Next) -> Response {
    let address = proxies.address_of(request.extensions(), request.headers());
    request.extensions_mut().insert(address.map_or(Client::Unknown, Client::of));
    request.extensions_mut().insert(ClientAddress(address));
    next.run(request).await
}

/// An address with or without quotes, brackets and a port.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let address = if let Ok(address) = IpAddr::from_str(text) {
        address
    } else if let Some(bare) = text.strip_prefix('[') {
        bare.split_once(']')?.0.parse::<Ipv6Addr>().ok()?.into()
    } else {
        text.parse::<SocketAddr>().ok()?.ip()
    };
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(trusted: &str, header: (&'static str, &[&str]), peer: &str, expected: &str) {
        let kind = if header.0 == "forwarded" { Forwarded::Forwarded } else { Forwarded::XForwardedFor };
        let trusted = trusted.split(' ').filter(|it| !it.is_empty()).map(|it| it.parse().unwrap()).collect();
        let mut headers = HeaderMap::new();
        for line in header.1 {
            headers.append(header.0, line.parse().unwrap());
        }
        let address = Proxies { trusted, header: kind }.address(peer.parse().unwrap(), &headers);
        assert_eq!(address, expected.parse::<IpAddr>().unwrap(), "{header:?} from {peer}");
    }

    #[test]
    fn forwarded_address_is_read_from_trusted_proxies_only() {
        let xff = |lines: &'static [&'static str]| ("x-forwarded-for", lines);
        check("", xff(&["6.6.6.6"]), "1.2.3.4", "1.2.3.4");
        check("10.0.0.0/8", xff(&["6.6.6.6"]), "1.2.3.4", "1.2.3.4");
        check("10.0.0.0/8", xff(&[]), "10.0.0.1", "10.0.0.1");
        check("10.0.0.0/8", xff(&["6.6.6.6, 1.2.3.4"]), "10.0.0.1", "1.2.3.4");
        check("10.0.0.0/8", xff(&["6.6.6.6", "1.2.3.4, 10.0.0.2"]), "10.0.0.1", "1.2.3.4");
        check("10.0.0.0/8", xff(&["6.6.6.6, nonsense"]), "10.0.0.1", "10.0.0.1");
        check("10.0.0.0/8", xff(&["10.0.0.9, 10.0.0.2"]), "10.0.0.1", "10.0.0.9");
        check("10.0.0.0/8", xff(&["1.2.3.4:5678"]), "::ffff:10.0.0.1", "1.2.3.4");
        check("fd00::/8", xff(&["[2001:db8::7]:80"]), "fd00::1", "2001:db8::7");
        check(
            "10.0.0.0/8",
            ("forwarded", &["for=6.6.6.6, For=\"[2001:db8::7]:99\";proto=https"]),
            "10.0.0.1",
            "2001:db8::7",
        );
        check("10.0.0.0/8", ("forwarded", &["for=6.6.6.6, for=_hidden"]), "10.0.0.1", "10.0.0.1");
    }

    #[test]
    fn forwarding_header_that_is_not_configured_is_ignored() {
        let mut headers = HeaderMap::new();
        headers.insert("forwarded", "for=6.6.6.6".parse().unwrap());
        headers.insert("x-forwarded-for", "1.2.3.4".parse().unwrap());
        let proxies = Proxies { trusted: vec!["10.0.0.0/8".parse().unwrap()], ..Proxies::default() };
        assert_eq!(proxies.address("10.0.0.1".parse().unwrap(), &headers).to_string(), "1.2.3.4");
    }

    #[test]
    fn ipv6_client_is_its_64_bit_prefix() {
        let of = |text: &str| Client::of(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("1.2.3.4"), of("::ffff:1.2.3.4"));
        assert_ne!(of("1.2.3.4"), of("1.2.3.5"));
    }
}
