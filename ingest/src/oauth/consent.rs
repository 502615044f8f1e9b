//! One consent from the link to the code: state against forged answers, PKCE against stolen codes (RFC 7636).

use data_encoding::BASE64URL_NOPAD;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::seal::{SealError, random};

/// A consent that has been asked for. Lives in one process and is used once.
#[derive(Debug)]
pub struct Consent {
    state: SecretString,
    verifier: SecretString,
}

/// Why what came back is no consent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConsentError {
    /// The answer is for another question.
    #[error("this answer belongs to another log-in (its state differs); use the newest link only")]
    State,
    /// The person refused.
    #[error("the consent was denied at Oura")]
    Denied,
    /// Oura reported another error.
    #[error(
        "Oura did not ask for the consent; check the client id, and that the redirect URI is registered exactly so"
    )]
    Failed,
    /// Neither a code nor an address with one.
    #[error("there is no code in it; paste the whole address the browser was sent to")]
    NoCode,
}

impl Consent {
    /// A consent with a fresh state and verifier.
    pub fn new() -> Result<Self, SealError> {
        let draw = || Ok::<_, SealError>(BASE64URL_NOPAD.encode(&random::<32>()?).into());
        Ok(Self { state: draw()?, verifier: draw()? })
    }

    pub(super) fn state(&self) -> &str {
        self.state.expose_secret()
    }

    pub(super) fn verifier(&self) -> &str {
        self.verifier.expose_secret()
    }

    pub(super) fn challenge(&self) -> String {
        BASE64URL_NOPAD.encode(&Sha256::digest(self.verifier()))
    }

    /// The code of the query with which Oura sent the browser back.
    pub fn code_of_query(&self, query: &str) -> Result<SecretString, ConsentError> {
        let mut url = Url::parse("http://localhost/").expect("BUG: a plain address parses");
        url.set_query(Some(query));
        let field =
            |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        // Checked first: a callback with another state was not sent by Oura.
        let state = field("state").unwrap_or_default();
        if !bool::from(state.as_bytes().ct_eq(self.state().as_bytes())) {
            return Err(ConsentError::State);
        }
        match (field("error").as_deref(), field("code")) {
            (Some("access_denied"), _) => Err(ConsentError::Denied),
            (Some(_), _) => Err(ConsentError::Failed),
            (None, Some(code)) if !code.is_empty() => Ok(code.into()),
            (None, _) => Err(ConsentError::NoCode),
        }
    }

    /// The code of what a person pasted: the whole address the browser was sent to, or its query. A bare code is taken
    /// as well: nothing but PKCE then ties it to this log-in.
    pub fn code_of_paste(&self, pasted: &str) -> Result<SecretString, ConsentError> {
        let pasted = pasted.trim();
        let pasted = pasted.split_once('#').map_or(pasted, |(before, _)| before);
        match pasted.split_once('?') {
            Some((_, query)) => self.code_of_query(query),
            None if pasted.contains('=') => self.code_of_query(pasted),
            None if !pasted.is_empty() && pasted.bytes().all(is_of_a_code) => Ok(pasted.to_owned().into()),
            None => Err(ConsentError::NoCode),
        }
    }
}

fn is_of_a_code(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+".contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pkce_challenge_equals_the_rfc_example() {
        // RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned().into();
        let consent = Consent { state: String::new().into(), verifier };
        assert_eq!(consent.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn consent_response_with_wrong_state_is_refused() {
        let consent = Consent::new().unwrap();
        let state = consent.state();
        let check = |pasted: String, expected: Result<&str, ConsentError>| {
            let code = consent.code_of_paste(&pasted);
            let code = code.as_ref().map(ExposeSecret::expose_secret).map_err(Clone::clone);
            assert_eq!(code, expected, "{pasted}");
        };
        let back = "http://localhost:9873/callback";
        check(format!("{back}?code=a%2Fb&scope=daily&state={state}"), Ok("a/b"));
        check(format!("  {back}?state={state}&code=abc#\n"), Ok("abc"));
        check(format!("code=abc&state={state}"), Ok("abc"));
        check("abc-DEF_123".into(), Ok("abc-DEF_123"));
        check(format!("{back}?code=abc"), Err(ConsentError::State));
        check(format!("{back}?code=abc&state="), Err(ConsentError::State));
        check(format!("{back}?code=abc&state={state}x"), Err(ConsentError::State));
        check(format!("{back}?error=access_denied&state=forged"), Err(ConsentError::State));
        check(format!("{back}?error=access_denied&state={state}"), Err(ConsentError::Denied));
        check(format!("{back}?error=invalid_scope&state={state}"), Err(ConsentError::Failed));
        check(format!("{back}?code=&state={state}"), Err(ConsentError::NoCode));
        check(back.into(), Err(ConsentError::NoCode));
        check(String::new(), Err(ConsentError::NoCode));
        check("two words".into(), Err(ConsentError::NoCode));
    }

    #[test]
    fn consents_have_unique_states() {
        let (one, two) = (Consent::new().unwrap(), Consent::new().unwrap());
        assert_ne!(one.state(), two.state());
        assert_ne!(one.verifier(), two.verifier());
        assert_ne!(one.state(), one.verifier());
        assert!((43..=128).contains(&one.verifier().len()), "RFC 7636, 4.1");
    }

    proptest! {
        #[test]
        fn arbitrary_paste_never_panics_or_passes_without_state(pasted: String) {
            let consent = Consent::new().unwrap();
            drop(consent.code_of_paste(&pasted));
            prop_assert!(consent.code_of_query(&pasted).is_err());
        }
    }
}
