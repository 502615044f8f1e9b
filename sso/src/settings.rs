//! How this service is known at its provider.

use reqwest::Url;
use secrecy::SecretString;

/// Settings of a provider.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The issuer, as the provider writes it; its metadata is below it.
    pub issuer: String,
    /// The client's name at the provider.
    pub client_id: String,
    /// The client's secret; `None`: a public client, which PKCE alone protects.
    pub client_secret: Option<SecretString>,
    /// Where the provider sends the browser back to: this service's own address.
    pub redirect_uri: String,
    /// Scopes to ask for besides `openid`.
    pub scopes: Vec<String>,
    /// The claim that holds the groups; a path such as `realm_access.roles` goes into objects.
    pub groups_claim: String,
    /// Certificates in PEM that are trusted for the provider, besides those of the system.
    pub authorities: Vec<u8>,
}

/// A setting that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidSettings {
    /// Not an address that keeps secrets.
    #[error("write an https address without query and fragment (http is for loopback only)")]
    Address(&'static str),
    /// Not PEM.
    #[error("these are no certificates in PEM")]
    Authorities(#[source] reqwest::Error),
    /// The HTTP client cannot be built.
    #[error("the HTTP client cannot be built")]
    Client(#[source] reqwest::Error),
    /// Something empty.
    #[error("it must not be empty, and of plain characters")]
    Empty(&'static str),
}

impl InvalidSettings {
    /// The setting.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Address(key) | Self::Empty(key) => key,
            Self::Authorities(_) => "ca_file",
            Self::Client(_) => "issuer",
        }
    }
}

/// An address to which secrets may be sent: https, or http on this machine.
pub(crate) fn secure_address(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let loopback = match url.host_str()? {
        "localhost" | "[::1]" => true,
        host => host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback()),
    };
    let secure = url.scheme() == "https" || url.scheme() == "http" && loopback;
    (secure && url.username().is_empty() && url.password().is_none() && url.fragment().is_none())
        .then_some(url)
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), InvalidSettings> {
        let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        for (key, text) in [("issuer", &self.issuer), ("redirect_url", &self.redirect_uri)] {
            let url = secure_address(text).filter(|url| url.query().is_none());
            url.ok_or(InvalidSettings::Address(key))?;
        }
        for (key, text) in [("client_id", &self.client_id), ("groups_claim", &self.groups_claim)] {
            if !plain(text) {
                return Err(InvalidSettings::Empty(key));
            }
        }
        if self.scopes.iter().any(|scope| !plain(scope)) {
            return Err(InvalidSettings::Empty("scopes"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_to_https_and_to_loopback_only() {
        for right in [
            "https://auth.example.org/realms/home",
            "http://127.0.0.1:4444/",
            "http://[::1]:1",
            "http://localhost",
        ] {
            assert!(secure_address(right).is_some(), "{right}");
        }
        for wrong in [
            "http://auth.example.org",
            "http://10.0.0.1/",
            "http://127.0.0.1.example.org",
            "ftp://127.0.0.1",
            "https://ann:secret@auth.example.org",
            "https://auth.example.org/#x",
            "auth.example.org",
            "",
        ] {
            assert!(secure_address(wrong).is_none(), "{wrong}");
        }
    }
}
