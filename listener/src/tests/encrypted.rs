//! TLS by the file of a listener.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use super::web_config::causes;
use super::*;

/// A CA, a certificate of the server, and clients' by their names; all in PEM.
pub(super) struct Authority {
    ca: CertifiedIssuer<'static, KeyPair>,
    folder: tempfile::TempDir,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), ca.pem()).unwrap();
        let new = Self { ca, folder };
        let (cert, key) = new.issue("localhost");
        std::fs::write(new.folder.path().join("cert.pem"), cert).unwrap();
        std::fs::write(new.folder.path().join("key.pem"), key).unwrap();
        new
    }

    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let issuer: &Issuer<'_, KeyPair> = &self.ca;
        let cert = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, issuer).unwrap();
        (cert.pem(), key.serialize_pem())
    }

    pub(super) fn file(&self, more: &str) -> std::path::PathBuf {
        let path = self.folder.path().join("web.yml");
        let text = format!("tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n{more}");
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(super) fn client(
        &self,
        certificate: Option<(String, String)>,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.ca.pem().as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
        let config = config.with_root_certificates(roots);
        let config = match certificate {
            None => config.with_no_client_auth(),
            Some((cert, key)) => {
                let cert = CertificateDer::from_pem_slice(cert.as_bytes()).unwrap();
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                config.with_client_auth_cert(vec![cert], key).unwrap()
            }
        };
        Arc::new(config).into()
    }
}

pub(super) const BOTH: &[&rustls::SupportedProtocolVersion] =
    &[&rustls::version::TLS13, &rustls::version::TLS12];

pub(super) async fn greet(address: SocketAddr, client: TlsConnector) -> std::io::Result<String> {
    let stream = TcpStream::connect(address).await?;
    let mut stream = client.connect(ServerName::try_from("localhost").unwrap(), stream).await?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

async fn check(authority: &Authority, path: &Path, clients: &[(TlsConnector, bool)]) {
    let running = Running::start(Some(path), Limits::default()).await;
    for (i, (client, expected)) in clients.iter().enumerate() {
        let answer = greet(running.address, client.clone()).await;
        let served = answer.as_ref().is_ok_and(|answer| answer.ends_with("hello"));
        assert_eq!(served, *expected, "client {i} in {}: {answer:?}", authority.folder.path().display());
    }
    let plain = running.ask("/", "").await;
    assert!(!plain.contains("hello"), "{plain}");
}

#[tokio::test]
async fn tls_12_and_13_are_enabled_by_default() {
    let ca = Authority::new();
    let (new, old) = (ca.client(None, &BOTH[..1]), ca.client(None, &BOTH[1..]));
    check(&ca, &ca.file(""), &[(new.clone(), true), (old.clone(), true)]).await;
    check(&ca, &ca.file("  min_version: TLS13\n"), &[(new.clone(), true), (old.clone(), false)]).await;
    check(&ca, &ca.file("  max_version: TLS12\n"), &[(new.clone(), false), (old.clone(), true)]).await;
    let suites =
        "  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]\n  curve_preferences: [CurveP256]\n";
    check(&ca, &ca.file(suites), &[(new.clone(), true), (old.clone(), true)]).await;
    let other = "  max_version: TLS12\n  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]\n";
    check(&ca, &ca.file(other), &[(old, false)]).await;
}

#[tokio::test]
async fn client_certificates_are_verified() {
    let (ca, stranger) = (Authority::new(), Authority::new());
    let foreign = ca.client(Some(stranger.issue("prometheus")), BOTH);
    let (known, none) = (ca.client(Some(ca.issue("prometheus")), BOTH), ca.client(None, BOTH));
    let required = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n";
    check(&ca, &ca.file(required), &[(known.clone(), true), (none.clone(), false), (foreign, false)]).await;
    let given = "  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: ca.pem\n";
    check(&ca, &ca.file(given), &[(known.clone(), true), (none, true)]).await;
    let named = format!("{required}  client_allowed_sans: [other, prometheus]\n");
    check(&ca, &ca.file(&named), &[(known.clone(), true), (ca.client(Some(ca.issue("eve")), BOTH), false)])
        .await;
}

#[test]
fn web_config_with_unsupported_settings_is_refused() {
    let ca = Authority::new();
    let check = |more: &str, expected: &str| {
        let error =
            rules::Rules::read(&ca.file(more), None).err().unwrap_or_else(|| panic!("{more} is refused"));
        assert!(causes(&error).contains(expected), "{more}: {error}");
    };
    check("  min_version: TLS10\n", "TLS12 or TLS13");
    check("  min_version: TLS13\n  max_version: TLS12\n", "newer than max_version");
    check("  cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]\n", "is not offered");
    check("  curve_preferences: [CurveP521]\n", "is not offered");
    check("  client_auth_type: RequireAnyClientCert\n", "prove nothing");
    check("  client_auth_type: RequireAndVerifyClientCert\n", "client_ca_file");
    check("  client_auth_type: Maybe\n", "RequireAndVerifyClientCert");
    check("  client_ca_file: ca.pem\n", "RequireAndVerifyClientCert");
    check(
        "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n  client_allowed_sans: [a@b.c]\n",
        "mail",
    );
}
