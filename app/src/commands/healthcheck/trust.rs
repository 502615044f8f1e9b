//! Whom a probe believes: a listener that shows one of the certificates told, or one signed by them; or anybody.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::cli::HealthcheckArgs;
use crate::config::Invalid;

/// How to greet a listener with TLS.
pub(super) fn config(args: &HealthcheckArgs) -> anyhow::Result<Arc<ClientConfig>> {
    let provider = Arc::new(ring::default_provider());
    let told = match (&args.ca, args.insecure) {
        (Some(path), _) => Some(TrustedCertificates::read(path, provider.clone())?),
        (None, true) => None,
        (None, false) => {
            let reason =
                "with https, say --ca FILE with the listener's certificate or the authority's, or --insecure";
            return Err(Invalid::Healthcheck(reason.to_owned()).into());
        }
    };
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Trust { told, provider }))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Certificates from a file.
#[derive(Debug)]
struct TrustedCertificates {
    certificates: Vec<CertificateDer<'static>>,
    authorities: Arc<WebPkiServerVerifier>,
}

impl TrustedCertificates {
    fn read(path: &Path, provider: Arc<CryptoProvider>) -> Result<Self, Invalid> {
        let wrong = |reason: String| Invalid::Healthcheck(format!("--ca {}: {reason}", path.display()));
        let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        let certificates = certificates.map_err(|error| wrong(error.to_string()))?;
        let mut roots = RootCertStore::empty();
        for certificate in &certificates {
            roots.add(certificate.clone()).map_err(|error| wrong(error.to_string()))?;
        }
        let authorities = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        let authorities =
            authorities.build().map_err(|_| wrong("it has no certificate in PEM".to_owned()))?;
        Ok(Self { certificates, authorities })
    }
}

/// Accepts the configured certificates; every certificate when none is configured.
#[derive(Debug)]
struct Trust {
    told: Option<TrustedCertificates>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.told {
            // One's own certificate is that of an authority, too, as openssl makes it: no chain leads to it.
            Some(told) if !told.certificates.contains(end_entity) => {
                let authorities = &told.authorities;
                authorities.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            }
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
