//! The simulated cloud over TLS, for tests on a cluster, where the program refuses plain HTTP to another host. Serves a life
//! that began a month ago until it is killed. A second address answers `/requests`, in plain HTTP, with how many there were.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use axum::serve::Listener;
use jiff::{Timestamp, ToSpan};
use simulator::{Cloud, Life, Person, SCOPES};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;

const USAGE: &str = "usage: cloud ADDRESS ADDRESS-OF-THE-COUNTER CERTIFICATE KEY TOKEN";

/// Connections after their handshake.
struct Tls {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let Ok((stream, address)) = self.listener.accept().await else { continue };
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

#[tokio::main]
async fn main() -> Result<Infallible, Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or(USAGE);
    let (address, counter, certificate, key, token) = (next()?, next()?, next()?, next()?, next()?);
    let certificates = CertificateDer::pem_file_iter(certificate)?.collect::<Result<_, _>>()?;
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(certificates, PrivateKeyDer::from_pem_file(key)?)?;
    #[expect(clippy::disallowed_methods, reason = "clients of the present request the days up to now")]
    let clock = || Timestamp::now();
    let first = clock().to_zoned(jiff::tz::TimeZone::UTC).date().checked_sub(30.days())?;
    let cloud = Arc::new(Cloud::new(clock).with_person(&token, Person::new(Life::new(1, first)), SCOPES));

    let seen = Arc::clone(&cloud);
    let requests = Router::new().route("/requests", get(async move || seen.requests().to_string()));
    let counter = TcpListener::bind(&counter).await?;
    tokio::spawn(async move { axum::serve(counter, requests).await });

    let listener = TcpListener::bind(&address).await?;
    axum::serve(Tls { listener, acceptor: TlsAcceptor::from(Arc::new(config)) }, cloud.router()).await?;
    Err("serving ended".into())
}
