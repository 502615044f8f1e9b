//! Whose request it is: the address of the connection, or what a proxy that is trusted says of it.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap, header};
use ipnet::IpNet;

/// The header in which proxies say for whom they ask. Only this one is read: a proxy that writes one of them passes on
/// whatever a client wrote into the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Forwarded {
    /// `X-Forwarded-For: client, proxy`.
    #[default]
    XForwardedFor,
    /// `Forwarded: for=client, for=proxy` (RFC 7239).
    Forwarded,
}

/// Whose word about the client's address is taken.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    /// Their networks; none by default.
    pub trusted: Vec<IpNet>,
    /// Where they write it.
    pub header: Forwarded,
}

/// One client, as far as limits go: an IPv4 address, or the /64 that a subscriber of IPv6 has to himself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Client {
    /// Its bits; an IPv4 address as IPv6 maps it.
    Address(u128),
    /// A request that came over no connection.
    Unknown,
    /// Everybody who came when the memory was full of others.
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
    /// The client of a request.
    pub fn client(&self, extensions: &Extensions, headers: &HeaderMap) -> Client {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>();
        peer.map_or(Client::Unknown, |ConnectInfo(peer)| Client::of(self.address(peer.ip(), headers)))
    }

    /// The client for whom a proxy at this address asks; `None` where it is none that is trusted.
    pub fn behind(&self, peer: IpAddr, headers: &HeaderMap) -> Option<Client> {
        self.trusts(peer.to_canonical()).then(|| Client::of(self.address(peer, headers)))
    }

    /// Read from the right, where the nearest proxy wrote: the first address that is not one of ours. What stands left of
    /// it is the client's own word.
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
            let said = match self.header {
                Forwarded::XForwardedFor => node(hop),
                Forwarded::Forwarded => hop.split(';').find_map(|pair| {
                    let (name, value) = pair.split_once('=')?;
                    name.trim().eq_ignore_ascii_case("for").then(|| node(value))?
                }),
            };
            // A hop that hides or garbles its client is its client.
            let Some(said) = said else { return address };
            address = said;
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
