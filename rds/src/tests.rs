use std::net::SocketAddr;

use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, put};
use axum::{Json, Router};
use object_store::aws::AwsCredential;
use secrecy::ExposeSecret;

use super::*;

const HOST: &str = "db.abc.eu-central-1.rds.amazonaws.com";

fn endpoint(host: &str, port: u16, user: &str) -> Endpoint {
    Endpoint { host: host.to_owned(), port, user: user.to_owned() }
}

/// The signature of `aws rds generate-db-auth-token` and of each AWS SDK: by botocore 1.43.
#[track_caller]
fn check_token(
    endpoint: &Endpoint,
    region: &str,
    (key, secret): (&str, &str),
    token: Option<&str>,
    at: &str,
    end: &str,
) {
    let credentials = AwsCredential {
        key_id: key.to_owned(),
        secret_key: secret.to_owned(),
        token: token.map(str::to_owned),
    };
    let Endpoint { host, port, user } = endpoint;
    let day = &at[..8];
    let expected = format!(
        "{host}:{port}/?Action=connect&DBUser={user}&X-Amz-Algorithm=AWS4-HMAC-SHA256\
         &X-Amz-Credential={key}%2F{day}%2F{region}%2Frds-db%2Faws4_request&X-Amz-Date={at}&X-Amz-Expires=900{end}"
    );
    let at = jiff::fmt::strtime::parse("%Y%m%dT%H%M%SZ", at).unwrap().to_datetime().unwrap();
    let at = at.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
    assert_eq!(sign::token(endpoint, region, &credentials, at), expected);
}

#[test]
fn token_equals_the_published_one_of_botocore() {
    check_token(
        &endpoint("prod-instance.us-east-1.rds.amazonaws.com", 3306, "someusername"),
        "us-east-1",
        ("akid", "skid"),
        None,
        "20161107T173933Z",
        "&X-Amz-SignedHeaders=host&X-Amz-Signature=d1138cdbc0ca63eec012ec0fc6c2267e03642168f5884a7795320d4c18374c61",
    );
}

#[test]
fn token_of_temporary_credentials_equals_that_of_botocore() {
    check_token(
        &endpoint(HOST, 5432, "myhealth_writer"),
        "eu-central-1",
        ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        Some("IQoJ+/==token"),
        "20260329T123456Z",
        "&X-Amz-Security-Token=IQoJ%2B%2F%3D%3Dtoken&X-Amz-SignedHeaders=host\
         &X-Amz-Signature=887ddd1a72e94874bde0171e6cf46dbcb78f81fb89593feda8ed695ab2a72c26",
    );
}

#[test]
fn region_is_that_of_the_server_before_that_of_the_process() {
    let region = |host: &str, settings: &[(&str, &str)]| {
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Signer::new(endpoint(host, 5432, "a"), settings).map(|signer| signer.region)
    };
    install_provider();
    let here = [("AWS_REGION", "us-west-2")];
    assert_eq!(region(HOST, &here).unwrap(), "eu-central-1");
    assert_eq!(region("DB.abc.eu-central-1.RDS.amazonaws.com.", &[]).unwrap(), "eu-central-1");
    assert_eq!(region("db.abc.cn-north-1.rds.amazonaws.com.cn", &[]).unwrap(), "cn-north-1");
    assert_eq!(region("db.example.org", &here).unwrap(), "us-west-2");
    let unknown = region("db.example.org", &[("AWS_REGION", "")]).unwrap_err();
    assert!(unknown.to_string().contains("set AWS_REGION"), "{unknown}");
    let half = region(HOST, &[("AWS_ACCESS_KEY_ID", "a")]).unwrap_err();
    assert!(matches!(half, Invalid::Settings(_)), "{half:?}");
}

/// The one TLS provider of the process.
fn install_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

async fn serve(router: Router) -> SocketAddr {
    install_provider();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

/// Credentials as AWS hands them out; `Code` and `Type` are the instance's.
fn handed_out(key: &str) -> Json<std::collections::BTreeMap<&'static str, String>> {
    let fields = [
        ("Code", "Success"),
        ("Type", "AWS-HMAC"),
        ("AccessKeyId", key),
        ("SecretAccessKey", "secret"),
        ("Token", "session"),
        ("Expiration", "2999-01-01T00:00:00Z"),
    ];
    Json(fields.into_iter().map(|(name, value)| (name, value.to_owned())).collect())
}

async fn token(settings: &[(&str, String)]) -> Result<String, NoCredentials> {
    let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    let signer = Signer::new(endpoint(HOST, 5432, "a"), settings).unwrap();
    let now = "2026-03-29T12:34:56Z".parse().unwrap();
    signer.token(now).await.map(|token| token.expose_secret().to_owned())
}

#[tokio::test]
async fn credentials_come_from_the_endpoint_of_pod_identity() {
    let asked = |headers: HeaderMap| async move {
        if headers.get("authorization").is_some_and(|token| token == "pod's token") {
            Ok(handed_out("POD"))
        } else {
            Err(StatusCode::UNAUTHORIZED)
        }
    };
    let address = serve(Router::new().route("/v1/credentials", get(asked))).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("eks-pod-identity-token");
    std::fs::write(&file, "pod's token").unwrap();
    let settings = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("http://{address}/v1/credentials")),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.display().to_string()),
    ];
    let signed = token(&settings).await.unwrap();
    assert!(signed.contains("X-Amz-Credential=POD%2F20260329%2Feu-central-1"), "{signed}");
    assert!(signed.contains("&X-Amz-Security-Token=session&"), "{signed}");

    std::fs::write(&file, "another token").unwrap();
    token(&settings).await.unwrap_err();
}

#[tokio::test]
async fn credentials_come_from_the_metadata_of_the_instance_by_a_session() {
    const SESSION: &str = "x-aws-ec2-metadata-token";
    let with_session = |headers: &HeaderMap| headers.get(SESSION).is_some_and(|token| token == "imds");
    let role = move |headers: HeaderMap| async move {
        if with_session(&headers) { Ok("node-role") } else { Err(StatusCode::UNAUTHORIZED) }
    };
    let credentials = move |headers: HeaderMap| async move {
        if with_session(&headers) { Ok(handed_out("NODE")) } else { Err(StatusCode::UNAUTHORIZED) }
    };
    let path = "/latest/meta-data/iam/security-credentials/";
    let router = Router::new()
        .route("/latest/api/token", put(async || "imds"))
        .route(path, get(role))
        .route(&format!("{path}node-role"), get(credentials));
    let settings = [("AWS_METADATA_ENDPOINT", format!("http://{}", serve(router).await))];
    let signed = token(&settings).await.unwrap();
    assert!(signed.contains("X-Amz-Credential=NODE%2F"), "{signed}");
}

#[tokio::test]
async fn credentials_come_from_the_variables_and_are_kept_out_of_debug() {
    install_provider();
    let settings =
        [("AWS_ACCESS_KEY_ID", "AKID".to_owned()), ("AWS_SECRET_ACCESS_KEY", "very secret".to_owned())];
    assert!(token(&settings).await.unwrap().contains("X-Amz-Credential=AKID%2F"));
    let settings = settings.map(|(name, value)| (name.to_owned(), value));
    let signer = Signer::new(endpoint(HOST, 5432, "a"), settings).unwrap();
    assert!(!format!("{signer:?}").contains("very secret"));
}

#[tokio::test]
async fn endpoint_that_does_not_answer_is_an_error() {
    install_provider();
    let settings = [("AWS_METADATA_ENDPOINT", "http://127.0.0.1:1".to_owned())];
    let error = token(&settings).await.unwrap_err();
    assert!(error.to_string().contains("check the role"), "{error}");
}
