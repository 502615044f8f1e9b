use std::sync::LazyLock;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use hmac::{Hmac, KeyInit as _, Mac as _};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use sha2::Sha256;

use super::*;
use crate::login::keys;

const OLD: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

static ONE: LazyLock<SecretString> = LazyLock::new(|| keys::generate().unwrap());
static TWO: LazyLock<SecretString> = LazyLock::new(|| keys::generate().unwrap());

fn secret(text: &str) -> SecretString {
    text.to_owned().into()
}

fn keys(current: &SecretString, accepted: &[&SecretString]) -> SessionKeys {
    let mut keys = SessionKeys::new(current, Issuer::default()).unwrap();
    for key in accepted {
        keys.accept(key).unwrap();
    }
    keys
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-03-29T10:00:00Z")
}

fn ann() -> UserAccount {
    UserAccount {
        id: 7,
        name: "ann".into(),
        person: None,
        scopes: store::Scopes::of_account(Vec::new()),
        expires_at: None,
        declared: false,
        single_sign_on: false,
        generation: 3,
        created_at: now(),
        password_changed_at: now(),
        last_login_at: None,
    }
}

#[test]
fn session_lasts_a_day_and_survives_key_rotation() {
    for old in [ONE.clone(), secret(OLD)] {
        let (token, expires_at) = keys(&old, &[]).sign(&ann(), now());
        let session = Session { account: 7, generation: 3, expires_at };
        assert_eq!(expires_at, at("2026-03-30T10:00:00Z"));
        let read = |keys: SessionKeys, at| keys.read(&token, at);
        assert_eq!(read(keys(&old, &[]), now()), Some(session));
        assert_eq!(read(keys(&TWO, &[&old]), at("2026-03-30T09:59:59Z")), Some(session));
        assert_eq!(read(keys(&TWO, &[]), now()), None, "the key is gone");
        assert_eq!(read(keys(&old, &[]), expires_at), None);
        assert_eq!(read(keys(&old, &[]), at("2026-03-29T09:57:00Z")), None, "made in the future");
        assert_eq!(read(keys(&old, &[]), at("2026-03-29T09:59:00Z")), Some(session), "clocks differ");
    }
}

#[test]
fn rotation_of_replicas_one_by_one_refuses_no_session() {
    // Published before it signs, then signing while the other is accepted: in either order, each replica reads the other's.
    let steps = [keys(&ONE, &[]), keys(&ONE, &[&TWO]), keys(&TWO, &[&ONE])];
    for pair in steps.windows(2) {
        for (signs, reads) in [(&pair[0], &pair[1]), (&pair[1], &pair[0])] {
            let (token, _) = signs.sign(&ann(), now());
            assert!(reads.read(&token, now()).is_some());
        }
    }
    let published = |keys: &SessionKeys| keys.public().len();
    assert_eq!(steps.each_ref().map(published), [1, 2, 2]);
    assert_eq!(published(&keys(&ONE, &[&ONE, &TWO, &TWO])), 2, "each once");
}

/// Signs by ES256 or, with 32 bytes in hexadecimal, by HS256.
fn signed(header: &Value, claims: &Value, key: &SecretString) -> String {
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = if let Ok(bytes) = HEXLOWER.decode(key.expose_secret().as_bytes()) {
        mac(&bytes, &message)
    } else {
        let der = PrivatePkcs8KeyDer::from_pem_slice(key.expose_secret().as_bytes()).unwrap();
        let random = SystemRandom::new();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.secret_pkcs8_der(), &random);
        pair.unwrap().sign(&random, message.as_bytes()).unwrap().as_ref().to_vec()
    };
    format!("{message}.{}", BASE64URL_NOPAD.encode(&signature))
}

fn mac(key: &[u8], message: &str) -> Vec<u8> {
    Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(message).finalize().into_bytes().to_vec()
}

fn with(base: &Value, name: &str, value: Value) -> Value {
    let mut changed = base.clone();
    changed[name] = value;
    changed
}

#[test]
fn session_with_foreign_claims_or_signature_is_refused() {
    for (key, algorithm, swapped) in [(ONE.clone(), "ES256", "HS256"), (secret(OLD), "HS256", "ES256")] {
        let keys = keys(&key, &[&TWO]);
        let kid = keys.current.id.clone();
        let header = json!({"alg": algorithm, "typ": "JWT", "kid": kid});
        let begins = now().as_second();
        let claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": "7", "gen": 3, "iat": begins, "exp": begins + 60,
        });
        assert!(keys.read(&signed(&header, &claims, &key), now()).is_some(), "the test signs well");
        assert_eq!(keys.read(&signed(&header, &claims, &TWO), now()), None, "another key");
        let other = with(&header, "kid", json!(keys.accepted[0].id));
        assert_eq!(keys.read(&signed(&other, &claims, &key), now()), None, "the other key's name");
        for (name, value) in [
            ("alg", json!("none")),
            ("alg", json!(swapped)),
            ("alg", json!("HS512")),
            ("alg", json!("RS256")),
            ("alg", json!("ES384")),
            ("alg", json!("EdDSA")),
            ("kid", json!("other")),
            ("kid", Value::Null),
            ("crit", json!(["exp"])),
            ("crit", json!(["b64"])),
            ("crit", json!([])),
            ("crit", json!("exp")),
        ] {
            let token = signed(&with(&header, name, value.clone()), &claims, &key);
            assert_eq!(keys.read(&token, now()), None, "{algorithm}: {name} {value}");
        }
        for (name, value) in [
            ("iss", json!("someone")),
            ("iss", Value::Null),
            ("aud", json!("else")),
            ("aud", Value::Null),
            ("sub", json!("x")),
            ("exp", json!(begins)),
            ("exp", json!(begins + 90_000)),
            ("exp", Value::Null),
            ("iat", json!(begins + 3600)),
            ("nbf", json!(begins + 121)),
            ("nbf", json!(i64::MAX)),
            ("nbf", json!("soon")),
            ("gen", Value::Null),
        ] {
            let token = signed(&header, &with(&claims, name, value.clone()), &key);
            assert_eq!(keys.read(&token, now()), None, "{algorithm}: {name} {value}");
        }
        let begun = with(&claims, "nbf", json!(begins + 119));
        assert!(keys.read(&signed(&header, &begun, &key), now()).is_some(), "clocks differ");
        let good = signed(&header, &claims, &key);
        let (message, signature) = good.rsplit_once('.').unwrap();
        for bad in [
            message.to_owned(),
            format!("{message}."),
            format!("{message}.{}", &signature[..20]),
            format!("{message}.{}", BASE64URL_NOPAD.encode(&[0; 64])),
            format!("{good}.x"),
            good.replace('.', ""),
            "a".repeat(2000),
            String::new(),
        ] {
            assert_eq!(keys.read(&bad, now()), None, "{bad}");
        }
    }
}

#[test]
fn public_key_as_a_shared_secret_is_refused() {
    let keys = keys(&ONE, &[&secret(OLD)]);
    let public = serde_json::to_value(&keys.public()[0]).unwrap();
    let coordinate = |name: &str| BASE64URL_NOPAD.decode(public[name].as_str().unwrap().as_bytes()).unwrap();
    let point = [vec![4], coordinate("x"), coordinate("y")].concat();
    let begins = now().as_second();
    let claims =
        json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "7", "gen": 3, "iat": begins, "exp": begins + 60});
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    for kid in keys.all().map(|key| key.id.clone()) {
        let message = format!("{}.{}", part(&json!({"alg": "HS256", "kid": kid})), part(&claims));
        for secret in [&point[..], &point[1..], public.to_string().as_bytes()] {
            let token = format!("{message}.{}", BASE64URL_NOPAD.encode(&mac(secret, &message)));
            assert_eq!(keys.read(&token, now()), None, "{kid}");
        }
    }
}

#[test]
fn session_of_another_issuer_or_audience_is_refused() {
    let of = |issuer: &str, audience: &str| {
        SessionKeys::new(&ONE, Issuer { issuer: issuer.to_owned(), audience: audience.to_owned() }).unwrap()
    };
    let mine = of("https://health.example.org", "health");
    let (token, _) = mine.sign(&ann(), now());
    assert!(mine.read(&token, now()).is_some());
    for other in [
        of("https://health.example.com", "health"),
        of("https://health.example.org", "other"),
        keys(&ONE, &[]),
    ] {
        assert_eq!(other.read(&token, now()), None);
    }
    assert_eq!(mine.address(), Some("https://health.example.org"));
    assert_eq!(keys(&ONE, &[]).address(), None);
}

#[test]
fn signing_key_is_p256_in_pem_or_32_bytes_and_redacted() {
    let base64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let id = |text: &str| keys(&secret(text), &[]).current.id;
    assert_eq!(id(OLD), id(base64));
    assert_eq!(id(&OLD.to_uppercase()), id(&format!("{OLD}\n")));
    assert!(keys(&secret(OLD), &[]).sign_without_public_key() && !keys(&ONE, &[]).sign_without_public_key());
    let pem = ONE.expose_secret();
    let cut = format!("{}\n-----END PRIVATE KEY-----\n", pem.lines().take(2).collect::<Vec<_>>().join("\n"));
    for wrong in [
        "",
        "00",
        "correct horse battery staple",
        &OLD[1..],
        &cut,
        &pem.replace("PRIVATE", "PUBLIC"),
        &pem.replace("PRIVATE", "EC PRIVATE"),
        "-----BEGIN PRIVATE KEY-----\n",
    ] {
        assert!(SessionKeys::new(&secret(wrong), Issuer::default()).is_err(), "{wrong}");
    }
    assert!(!format!("{:?}", keys(&secret(OLD), &[])).contains("0001"));
}
