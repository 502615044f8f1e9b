//! What the provider says, and what becomes of it.

use data_encoding::BASE64URL_NOPAD;
use jiff::SignedDuration;
use serde_json::{Value, json};
use sso::{Attempt, Callback, Error, Identity};

use crate::fake::{Change, Fake, Key, SECRET, Script, now, provider};

/// The causes of a failure, as the log has them.
fn words(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[tokio::test]
async fn identity_is_what_the_provider_signed() {
    let fake = Fake::start().await;
    let expected = Identity {
        subject: "4711".to_owned(),
        name: "ann".to_owned(),
        verified_email: Some("ann@example.org".to_owned()),
        groups: vec!["family".to_owned(), "users".to_owned()],
    };
    for minutes in [0, 59] {
        let claims = move |_: &Script, claims: &mut Value| {
            claims["iat"] = json!(now().as_second() + minutes * 60);
            claims["exp"] = json!(now().as_second() + minutes * 60 + 300);
        };
        fake.change(|script| script.claims = Some(Box::new(claims)));
        assert_eq!(fake.log_in(now() + SignedDuration::from_mins(minutes)).await.unwrap(), expected);
    }
    assert_eq!(
        (fake.asked("metadata"), fake.asked("keys"), fake.asked("userinfo")),
        (2, 2, 0),
        "once a log-in"
    );
}

#[tokio::test]
async fn groups_that_the_id_token_lacks_come_from_the_userinfo_endpoint() {
    let fake = Fake::start().await;
    fake.change(|script| {
        script.claims = Some(Box::new(|_, claims| drop(claims.as_object_mut().unwrap().remove("groups"))));
    });
    assert_eq!(fake.log_in(now()).await.unwrap().groups, ["of userinfo"]);
    fake.change(|script| script.user_info["sub"] = json!("4712"));
    assert!(words(&fake.log_in(now()).await.unwrap_err()).contains("another subject"));
}

#[tokio::test]
async fn id_token_that_lies_is_refused() {
    let fake = Fake::start().await;
    let at = |seconds: i64| json!(now().as_second() + seconds);
    let lies: [(&str, Value, &str); 19] = [
        ("iss", json!("https://evil.example"), "of another issuer"),
        ("aud", json!("other"), "another client (aud)"),
        ("aud", json!(["other"]), "another client (aud)"),
        ("aud", json!([]), "another client (aud)"),
        ("aud", json!(["other", "myhealth"]), "(azp)"),
        ("azp", json!("other"), "(azp)"),
        ("nonce", json!("of another attempt"), "(nonce)"),
        ("nonce", json!(null), "(nonce)"),
        ("nonce", json!(7), "cannot be read"),
        ("sub", json!(""), "subject"),
        ("sub", json!("x".repeat(256)), "subject"),
        ("sub", json!(null), ""),
        ("exp", at(-121), "it has ended"),
        ("exp", json!(null), ""),
        ("exp", json!(i64::MAX), "times"),
        ("iat", at(121), "of the future"),
        ("iat", at(-901), "15 minutes ago"),
        ("nbf", at(121), "of the future"),
        ("iat", json!("now"), "cannot be read"),
    ];
    for (claim, lie, reason) in lies {
        let told = lie.clone();
        fake.change(|script| script.claims = Some(Box::new(move |_, claims| claims[claim] = told.clone())));
        let error = fake.log_in(now()).await.unwrap_err();
        let text = words(&error);
        assert!(text.contains("ID token") && text.contains(reason), "{claim} {lie}: {text}");
        assert!(!error.is_temporary(), "{text}");
    }
    // Clocks may differ by two minutes.
    for (claim, right) in [("exp", at(-120)), ("iat", at(120)), ("nbf", at(120)), ("azp", json!("myhealth"))]
    {
        let told = right.clone();
        fake.change(|script| script.claims = Some(Box::new(move |_, claims| claims[claim] = told.clone())));
        assert!(fake.log_in(now()).await.is_ok(), "{claim} {right}");
    }
}

/// A token with this header and the claims of another, signed by nothing or a secret.
fn forged(token: &str, header: &Value, sign: impl Fn(&str) -> String) -> String {
    let claims = token.split('.').nth(1).unwrap();
    let message = format!("{}.{claims}", BASE64URL_NOPAD.encode(header.to_string().as_bytes()));
    let signature = sign(&message);
    format!("{message}.{signature}")
}

fn hs256(secret: &[u8]) -> impl Fn(&str) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
    move |message| BASE64URL_NOPAD.encode(ring::hmac::sign(&key, message.as_bytes()).as_ref())
}

#[tokio::test]
async fn id_token_is_signed_by_a_published_key_and_its_own_algorithm() {
    let fake = Fake::start().await;
    let check = async |forge: Change<String>, reason: &str| {
        fake.change(|script| script.token = Some(forge));
        let text = words(&fake.log_in(now()).await.unwrap_err());
        assert!(text.contains(reason), "{reason}: {text}");
    };
    for alg in ["none", "None", "nOnE", ""] {
        let forge = move |_: &Script, token: &mut String| {
            *token = forged(token, &json!({"alg": alg, "kid": "one"}), |_| String::new());
        };
        check(Box::new(forge), "header cannot be read").await;
    }
    let header = json!({"alg": "HS256", "kid": "one"});
    let by_secret = header.clone();
    check(
        Box::new(move |_, token| *token = forged(token, &by_secret, hs256(SECRET.as_bytes()))),
        "public key",
    )
    .await;
    let by_public_key = move |script: &Script, token: &mut String| {
        *token = forged(token, &header, hs256(&script.keys[0].public));
    };
    check(Box::new(by_public_key), "public key").await;
    check(
        Box::new(|_, token| {
            *token = forged(token, &json!({"alg": "RS256", "kid": "one"}), |_| "AAAA".into());
        }),
        "no key",
    )
    .await;
    check(
        Box::new(|_, token| {
            *token = forged(token, &json!({"alg": "ES256", "kid": "one"}), |_| "AAAA".into());
        }),
        "signature",
    )
    .await;
    check(
        Box::new(|_, token| {
            *token = forged(token, &json!({"alg": "ES256", "kid": "one", "crit": ["x"]}), |_| String::new());
        }),
        "must be understood",
    )
    .await;
    let stranger = Key::new("one");
    check(
        Box::new(move |script, token| {
            let claims = BASE64URL_NOPAD.decode(token.split('.').nth(1).unwrap().as_bytes()).unwrap();
            assert!(!script.nonce.is_empty());
            *token = stranger.token(&serde_json::from_slice(&claims).unwrap());
        }),
        "signature",
    )
    .await;
    check(Box::new(|_, token| token.truncate(40)), "ID token").await;
    check(Box::new(|_, token| *token = "x".repeat(70_000)), "longer than 64 KiB").await;
    check(Box::new(|_, token| *token = String::new()), "ID token").await;
}

#[tokio::test]
async fn rotated_key_is_found_without_asking_for_every_token() {
    let fake = Fake::start().await;
    let attempt = fake.begin(now()).await.unwrap();
    fake.change(|script| script.keys = vec![Key::new("two"), Key::new("one")]);
    for second in [1, 30, 59] {
        let error = fake.finish(&attempt, now() + SignedDuration::from_secs(second)).await.unwrap_err();
        assert!(words(&error).contains("no key of the provider fits"), "{second}: {error}");
    }
    assert_eq!(fake.asked("keys"), 1);
    assert!(fake.finish(&attempt, now() + SignedDuration::from_secs(60)).await.is_ok());
    assert_eq!(fake.asked("keys"), 2);
}

#[tokio::test]
async fn unreadable_keys_and_responses_of_any_size_are_bounded() {
    let fake = Fake::start().await;
    // Keys that are none of ours do not hide the one that is.
    fake.change(|script| {
        script.published = Some(Box::new(|_, keys| {
            let all = keys["keys"].as_array_mut().unwrap();
            for odd in [
                json!(null),
                json!({"kty": "EC", "crv": "secp256k1", "x": "", "y": ""}),
                json!({"kty": "new"}),
            ] {
                all.insert(0, odd);
            }
        }));
    });
    assert!(fake.log_in(now()).await.is_ok());
    for path in ["metadata", "keys", "token"] {
        for (status, body, reason) in [
            (200, "x".repeat(300_000), "larger than 262144 bytes"),
            (200, format!("{{\"keys\": [{}null]}}", "null,".repeat(60_000)), "larger than"),
            (200, "<html>hunter2</html>".to_owned(), "line 1, column 1"),
            (200, "{}".to_owned(), "cannot be read"),
            (302, String::new(), "answered 302"),
            (404, String::new(), "answered 404"),
            (503, String::new(), "answered 503"),
        ] {
            let fake = Fake::start().await;
            fake.change(|script| drop(script.answers.insert(path, (status, body))));
            let error = fake.log_in(now()).await.unwrap_err();
            let text = words(&error);
            assert!(text.contains(reason) && !text.contains("hunter2"), "{path}: {text}");
            assert_eq!(error.is_temporary(), status == 503, "{path}: {text}");
        }
    }
}

#[tokio::test]
async fn provider_that_is_another_or_sends_secrets_in_clear_text_is_refused() {
    for (key, value, reason) in [
        ("issuer", "https://evil.example", "calls itself \"https://evil.example\""),
        ("jwks_uri", "http://evil.example/keys", "jwks_uri is not an https address"),
        ("token_endpoint", "http://evil.example/token", "token endpoint is not an https address"),
        ("authorization_endpoint", "javascript:alert(1)", "authorization_endpoint is not an https address"),
    ] {
        let fake = Fake::start().await;
        fake.change(|script| {
            script.metadata = Some(Box::new(move |_, metadata| metadata[key] = json!(value)));
        });
        let text = words(&fake.log_in(now()).await.unwrap_err());
        assert!(text.contains(reason), "{key}: {text}");
    }
}

#[tokio::test]
async fn code_is_exchanged_by_the_attempt_that_asked_for_it() {
    let fake = Fake::start().await;
    assert!(fake.log_in(now()).await.is_ok());
    let other = Attempt::begin().unwrap();
    let callback = Callback { code: "the-code", issuer: None };
    let error = fake.provider.identity(&other, &callback, now()).await.unwrap_err();
    assert_eq!(error.to_string(), "the provider refuses the code or this client: invalid_grant", "PKCE");
    let callback = Callback { code: "the-code", issuer: Some("https://evil.example") };
    let error = fake.provider.identity(&other, &callback, now()).await.unwrap_err();
    assert!(error.to_string().contains("(iss)"), "mix-up: {error}");
}

#[tokio::test]
async fn provider_that_is_down_is_reported_without_addresses() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let down = provider(&format!("http://{free}"));
    let error = down.authorization_url(&Attempt::begin().unwrap(), now()).await.unwrap_err();
    assert!(
        error.is_temporary() && error.to_string() == "the provider's metadata cannot be reached",
        "{error}"
    );
}
