//! The log-in at Amazon RDS: AWS hands out credentials, the program signs a token, and a server takes it as the password.

use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use jiff::Timestamp;
use rds::{Endpoint, Signer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_util::sync::CancellationToken;

use crate::own_server::make_certificates;
use crate::process::{Running, finish, get as fetch, myhealth, printed, until};

const KEY: [(&str, &str); 3] =
    [("AWS_ACCESS_KEY_ID", "AKIDPOD"), ("AWS_SECRET_ACCESS_KEY", "secret"), ("AWS_SESSION_TOKEN", "session")];

/// Stands where RDS does: TLS, the password in clear text, and a check of the token; then the test's own server, which
/// trusts every role.
struct Front {
    port: u16,
    state: Arc<Mutex<State>>,
}

struct State {
    /// Tokens signed before are refused, as expired ones are.
    valid_from: Timestamp,
    accepted: usize,
    refused: usize,
    /// Ends the connections that are open.
    end: CancellationToken,
}

impl Front {
    async fn start(folder: &Path, server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let certificate = CertificateDer::from_pem_file(folder.join("server.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let tls =
            ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
        let tls = TlsAcceptor::from(Arc::new(tls));
        let state =
            State { valid_from: Timestamp::MIN, accepted: 0, refused: 0, end: CancellationToken::new() };
        let state = Arc::new(Mutex::new(state));
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (tls, state, server) = (tls.clone(), shared.clone(), server.clone());
                tokio::spawn(async move {
                    let end = state.lock().unwrap().end.clone();
                    tokio::select! {
                        _ = relay(client, tls, &state, &server, port) => {}
                        () = end.cancelled() => {}
                    }
                });
            }
        });
        Self { port, state }
    }

    /// Ends what is connected, and refuses the tokens that were signed until now.
    fn expire(&self) {
        let mut state = self.state.lock().unwrap();
        state.valid_from = now();
        std::mem::take(&mut state.end).cancel();
    }
}

#[expect(clippy::disallowed_methods, reason = "the program under test signs with the clock of the machine")]
fn now() -> Timestamp {
    Timestamp::now()
}

async fn relay(
    mut client: TcpStream,
    tls: TlsAcceptor,
    state: &Mutex<State>,
    server: &str,
    port: u16,
) -> std::io::Result<()> {
    let mut tls_request = [0; 8];
    client.read_exact(&mut tls_request).await?;
    client.write_all(b"S").await?;
    let mut client = tls.accept(client).await?;
    let length = client.read_u32().await?;
    let mut start = vec![0; length as usize - 4];
    client.read_exact(&mut start).await?;
    // AuthenticationCleartextPassword.
    client.write_all(&[b'R', 0, 0, 0, 8, 0, 0, 0, 3]).await?;
    client.flush().await?;
    assert_eq!(client.read_u8().await?, b'p');
    let mut password = vec![0; client.read_u32().await? as usize - 4];
    client.read_exact(&mut password).await?;
    let token = String::from_utf8(password).unwrap();
    if !is_valid(token.trim_end_matches('\0'), state, port).await {
        let fields = b"SFATAL\0VFATAL\0C28P01\0MPAM authentication failed\0\0";
        let length = u32::try_from(fields.len() + 4).unwrap().to_be_bytes();
        client.write_all(&[b"E".as_slice(), &length, fields].concat()).await?;
        return client.shutdown().await;
    }
    let mut server = TcpStream::connect(server).await?;
    server.write_all(&[&length.to_be_bytes(), start.as_slice()].concat()).await?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

/// Whether AWS would take the token: signed with the right key, for this server and role, a short while ago.
async fn is_valid(token: &str, state: &Mutex<State>, port: u16) -> bool {
    let signed_at = token.split("X-Amz-Date=").nth(1).and_then(|rest| rest.get(..16));
    let signed_at = signed_at.and_then(|text| jiff::fmt::strtime::parse("%Y%m%dT%H%M%SZ", text).ok());
    let Some(signed_at) = signed_at.and_then(|time| time.to_datetime().ok()) else { return false };
    let signed_at = signed_at.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
    let endpoint = Endpoint { host: "localhost".into(), port, user: "postgres".into() };
    let settings = KEY.into_iter().chain([("AWS_REGION", "eu-central-1")]);
    let signer =
        Signer::new(endpoint, settings.map(|(name, value)| (name.to_owned(), value.to_owned()))).unwrap();
    let expected = signer.token(signed_at).await.unwrap();
    let mut state = state.lock().unwrap();
    let is_right = secrecy::ExposeSecret::expose_secret(&expected) == token;
    let valid = is_right && signed_at >= state.valid_from && now().duration_since(signed_at).as_mins() < 15;
    if valid {
        state.accepted += 1;
    } else {
        state.refused += 1;
    }
    valid
}

/// The endpoint of EKS Pod Identity.
async fn pod_identity() -> String {
    let handed_out = async |headers: HeaderMap| {
        if headers.get("authorization").is_none_or(|token| token != "of the pod") {
            return Err(StatusCode::UNAUTHORIZED);
        }
        let [key, secret, session] = KEY.map(|(_, value)| value);
        Ok(Json(serde_json::json!({
            "AccessKeyId": key, "SecretAccessKey": secret, "Token": session, "Expiration": "2999-01-01T00:00:00Z",
        })))
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = axum::Router::new().route("/v1/credentials", get(handed_out));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}/v1/credentials")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn token_signed_with_the_credentials_of_the_pod_is_the_password_and_is_renewed() {
    let folder = tempfile::tempdir().unwrap();
    make_certificates(folder.path());
    let database = store::testing::empty_database_url().await;
    let server = reqwest::Url::parse(&database).unwrap();
    let front =
        Front::start(folder.path(), format!("{}:{}", server.host_str().unwrap(), server.port().unwrap()))
            .await;
    let mut url = server.clone();
    url.set_host(Some("localhost")).unwrap();
    url.set_port(Some(front.port)).unwrap();
    let authority = folder.path().join("authority.pem");
    url.query_pairs_mut().append_pair("sslmode", "verify-full");
    url.query_pairs_mut().append_pair("sslrootcert", authority.to_str().unwrap());
    let credentials = pod_identity().await;
    let file = folder.path().join("token");
    std::fs::write(&file, "of the pod").unwrap();
    let command = |words: &[&str], credentials: &str| {
        let mut command = myhealth(words);
        command.args(["--database-url", url.as_str(), "--database-auth", "rds-iam"]);
        command.env("AWS_REGION", "eu-central-1").env("AWS_CONTAINER_CREDENTIALS_FULL_URI", credentials);
        command.env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &file);
        command
    };

    let nothing = finish(command(&["migrate"], "http://127.0.0.1:1/"));
    assert!(printed(&nothing).contains("AWS gives no credentials"), "{}", printed(&nothing));
    let migrated = finish(command(&["migrate"], &credentials));
    assert!(migrated.status.success(), "{}", printed(&migrated));

    let mut serve = command(&["serve", "--roles", "api"], &credentials);
    serve.args(["--web.listen-address", "127.0.0.1:0", "--api.listen-address", "127.0.0.1:0"]);
    let running = Running::start(serve);
    let people = format!("http://{}/api/v1/people", running.address("api").await);
    until("an answer", async || fetch(&people).await).await;
    let accepted = front.state.lock().unwrap().accepted;

    front.expire();
    until("an answer by a new token", async || fetch(&people).await).await;
    let state = front.state.lock().unwrap();
    assert!(state.refused > 0, "the token of before was tried");
    assert!(state.accepted > accepted, "and a new one was taken");
    drop(state);
    let output = running.output();
    assert!(!output.contains("X-Amz-Signature") && !output.contains("secret"), "{output}");
}
