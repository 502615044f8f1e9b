//! TLS of a listener, from the file's fields to rustls. The oldest version is TLS 1.2; cipher suites that Go calls insecure do not exist.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{ProtocolVersion, RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion};
use secrecy::ExposeSecret;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use webpki::EndEntityCert;

use crate::file::{self, Invalid};

/// The word of `client_auth_type` for it.
const REQUIRE_CERTIFICATE: &str = "RequireAndVerifyClientCert";

/// The handshake of a listener.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    /// Names of which a client's certificate must have one; empty: any.
    allowed: Arc<[String]>,
    requires_client_certificates: bool,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("allowed", &self.allowed).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads what the file names; relative paths are relative to its folder.
    pub(crate) fn new(file: &file::Tls, folder: &Path) -> Result<Self, Invalid> {
        let provider = Arc::new(provider(file)?);
        let cert = pem("cert", &file.cert, file.cert_file.as_deref(), folder)?;
        let cert =
            cert.ok_or_else(|| Invalid::field("tls_server_config.cert_file", "TLS needs a certificate"))?;
        let key = file.key.as_ref().map_or("", |key| key.expose_secret());
        let key = pem("key", key, file.key_file.as_deref(), folder)?;
        let key =
            key.ok_or_else(|| Invalid::field("tls_server_config.key_file", "TLS needs a private key"))?;
        let certs = certificates("cert", &cert)?;
        let key = PrivateKeyDer::from_pem_slice(&key)
            .map_err(|_| Invalid::field("tls_server_config.key", "this is no private key in PEM"))?;
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&versions(file)?)
            .map_err(|error| Invalid::field("tls_server_config.min_version", error.to_string()))?;
        let builder = match verifier(file, folder, provider)? {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder
            .with_single_cert(certs, key)
            .map_err(|error| Invalid::field("tls_server_config.cert", error.to_string()))?;
        config.ignore_client_order = file.prefer_server_cipher_suites.unwrap_or(true);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        if let Some(mail) = file.client_allowed_sans.iter().find(|name| name.contains('@')) {
            let reason = format!("{mail}: names of mail are not compared here; use DNS, IP or URI");
            return Err(Invalid::field("tls_server_config.client_allowed_sans", reason));
        }
        Ok(Self {
            acceptor: Arc::new(config).into(),
            allowed: file.client_allowed_sans.clone().into(),
            requires_client_certificates: file.client_auth_type == REQUIRE_CERTIFICATE,
        })
    }

    /// Whether a client without a certificate is refused.
    pub fn requires_client_certificates(&self) -> bool {
        self.requires_client_certificates
    }

    pub(crate) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> std::io::Result<TlsStream<S>> {
        let stream = self.acceptor.accept(stream).await?;
        if self.allowed.is_empty() || self.has_allowed_name(stream.get_ref().1) {
            return Ok(stream);
        }
        Err(std::io::Error::new(
            std::io::ErrorKind::PermissionDenied,
            "no name of the certificate is allowed",
        ))
    }

    /// Whether the client's certificate, verified before, has one of the names.
    fn has_allowed_name(&self, connection: &ServerConnection) -> bool {
        let certificate = connection.peer_certificates().and_then(|chain| chain.first());
        let Some(Ok(certificate)) = certificate.map(EndEntityCert::try_from) else { return false };
        self.allowed.iter().any(|name| {
            let named = ServerName::try_from(name.as_str())
                .is_ok_and(|name| certificate.verify_is_valid_for_subject_name(&name).is_ok());
            named || certificate.valid_uri_names().any(|uri| uri == name)
        })
    }
}

/// A text that stands in the file or in one of its own.
fn pem(name: &str, text: &str, path: Option<&Path>, folder: &Path) -> Result<Option<Vec<u8>>, Invalid> {
    match (text.is_empty(), path) {
        (false, Some(_)) => {
            let reason = format!("give either {name} or {name}_file, not both");
            Err(Invalid::field(format!("tls_server_config.{name}"), reason))
        }
        (false, None) => Ok(Some(text.as_bytes().to_vec())),
        (true, Some(path)) => match file::read(&folder.join(path)) {
            Err(Invalid::Unreadable { path, source, .. }) => Err(Invalid::Unreadable {
                field: Some(format!("tls_server_config.{name}_file")),
                path,
                source,
            }),
            read => read.map(Some),
        },
        (true, None) => Ok(None),
    }
}

fn certificates(name: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Invalid> {
    let field = || format!("tls_server_config.{name}");
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|_| Invalid::field(field(), "this is no certificate in PEM"))?;
    if certificates.is_empty() {
        return Err(Invalid::field(field(), "there is no certificate in it"));
    }
    Ok(certificates)
}

fn verifier(
    file: &file::Tls,
    folder: &Path,
    provider: Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, Invalid> {
    let wrong = |reason: &str| Invalid::field("tls_server_config.client_auth_type", reason);
    let ca = pem("client_ca", &file.client_ca, file.client_ca_file.as_deref(), folder)?;
    let required = match file.client_auth_type.as_str() {
        "" | "NoClientCert" if ca.is_none() && file.client_allowed_sans.is_empty() => return Ok(None),
        "" | "NoClientCert" => {
            return Err(wrong("a client CA or allowed names are given; use RequireAndVerifyClientCert"));
        }
        "VerifyClientCertIfGiven" if file.client_allowed_sans.is_empty() => false,
        "VerifyClientCertIfGiven" => {
            return Err(wrong(
                "client_allowed_sans needs a certificate to look at; use RequireAndVerifyClientCert",
            ));
        }
        REQUIRE_CERTIFICATE => true,
        "RequestClientCert" | "RequireAnyClientCert" => {
            return Err(wrong(
                "certificates that are not verified prove nothing; use RequireAndVerifyClientCert",
            ));
        }
        _ => {
            return Err(wrong("use NoClientCert, VerifyClientCertIfGiven or RequireAndVerifyClientCert"));
        }
    };
    let ca = ca.ok_or_else(|| {
        Invalid::field("tls_server_config.client_ca_file", "verifying clients needs their CA's certificate")
    })?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates("client_ca", &ca)? {
        let added = roots.add(certificate);
        added.map_err(|error| Invalid::field("tls_server_config.client_ca", error.to_string()))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = if required { builder } else { builder.allow_unauthenticated() };
    let built = builder.build();
    built.map(Some).map_err(|error| Invalid::field("tls_server_config.client_ca", error.to_string()))
}

fn versions(file: &file::Tls) -> Result<Vec<&'static SupportedProtocolVersion>, Invalid> {
    let number = |field: &str, text: &str, default: ProtocolVersion| match text {
        "" => Ok(u16::from(default)),
        "TLS12" => Ok(u16::from(ProtocolVersion::TLSv1_2)),
        "TLS13" => Ok(u16::from(ProtocolVersion::TLSv1_3)),
        _ => Err(Invalid::field(format!("tls_server_config.{field}"), "use TLS12 or TLS13")),
    };
    let min = number("min_version", &file.min_version, ProtocolVersion::TLSv1_2)?;
    let max = number("max_version", &file.max_version, ProtocolVersion::TLSv1_3)?;
    let all = [&rustls::version::TLS13, &rustls::version::TLS12];
    let chosen: Vec<_> =
        all.into_iter().filter(|version| (min..=max).contains(&u16::from(version.version))).collect();
    if chosen.is_empty() {
        return Err(Invalid::field("tls_server_config.min_version", "it is newer than max_version"));
    }
    Ok(chosen)
}

/// ring with the suites and curves the file names, by Go's names. TLS 1.3 chooses its own suites, as in Go.
fn provider(file: &file::Tls) -> Result<CryptoProvider, Invalid> {
    let mut provider = ring::default_provider();
    if !file.cipher_suites.is_empty() {
        let is_new = |suite: &rustls::SupportedCipherSuite| suite.tls13().is_some();
        let mut suites: Vec<_> = provider.cipher_suites.iter().copied().filter(is_new).collect();
        for name in &file.cipher_suites {
            // Go omits the digest of one kind and spells some names differently.
            let name = name.strip_suffix("_SHA256").unwrap_or(name);
            let same = |suite: &&rustls::SupportedCipherSuite| {
                let known = format!("{:?}", suite.suite());
                known == name || known.strip_suffix("_SHA256") == Some(name)
            };
            let suite = provider.cipher_suites.iter().find(same).copied().ok_or_else(|| {
                let names: Vec<_> =
                    provider.cipher_suites.iter().map(|suite| format!("{:?}", suite.suite())).collect();
                let reason = format!("{name} is not offered; there are {}", names.join(", "));
                Invalid::field("tls_server_config.cipher_suites", reason)
            })?;
            if !is_new(&suite) {
                suites.push(suite);
            }
        }
        provider.cipher_suites = suites;
    }
    if !file.curve_preferences.is_empty() {
        let curve = |name: &String| match name.as_str() {
            "CurveP256" => Ok(ring::kx_group::SECP256R1),
            "CurveP384" => Ok(ring::kx_group::SECP384R1),
            "X25519" => Ok(ring::kx_group::X25519),
            _ => {
                let reason = format!("{name} is not offered; use CurveP256, CurveP384 or X25519");
                Err(Invalid::field("tls_server_config.curve_preferences", reason))
            }
        };
        provider.kx_groups = file.curve_preferences.iter().map(curve).collect::<Result<_, _>>()?;
    }
    Ok(provider)
}
