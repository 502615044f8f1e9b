//! The identity provider in the API's configuration file.

use std::path::{Path, PathBuf};

use api::login::single_sign_on::{SignOnAccess, SignOnSubject, SingleSignOn};
use data_encoding::HEXLOWER;
use listener::Invalid;
use serde::Deserialize;
use serde_saphyr::Spanned;
use sha2::{Digest, Sha256};
use sso::{InvalidSettings, Provider, Settings};
use store::Role;

use super::{Value, entry, person};

/// Where the provider sends browsers back to, below the page's address.
const CALLBACK: &str = "/api/v1/auth/sso/callback";

/// Longest name on the page.
const MAX_NAME: usize = 40;

/// A provider at which people log in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignOnEntry {
    /// What the page calls it.
    name: Spanned<String>,
    issuer: Spanned<String>,
    client_id: Spanned<String>,
    client_secret: Option<Spanned<Value>>,
    redirect_url: Spanned<String>,
    scopes: Option<Vec<Spanned<String>>>,
    groups_claim: Option<Spanned<String>>,
    ca_file: Option<Spanned<PathBuf>>,
    access: Spanned<Vec<AccessEntry>>,
}

/// What members of a group open.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccessEntry {
    group: Option<Spanned<String>>,
    email: Option<Spanned<String>>,
    person: Option<Spanned<String>>,
    #[serde(default)]
    everyone: bool,
    role: Spanned<String>,
}

impl SignOnEntry {
    /// The files that hold values of this entry.
    pub(super) fn files(&self, folder: &Path) -> impl Iterator<Item = PathBuf> {
        let secret = self.client_secret.as_ref().and_then(|secret| secret.value.file());
        let authorities = self.ca_file.as_ref().map(|file| &file.value);
        let files = [secret, authorities].into_iter().flatten();
        files.map(|file| folder.join(file)).collect::<Vec<_>>().into_iter()
    }

    pub(super) fn read(&self, folder: &Path) -> Result<SingleSignOn, Invalid> {
        let name = &self.name;
        let printable = !name.value.is_empty() && !name.value.chars().any(char::is_control);
        if !printable || name.value.chars().count() > MAX_NAME {
            return Err(entry(name, "single_sign_on.name", "1 to 40 characters, and no control characters"));
        }
        if !self.redirect_url.value.ends_with(CALLBACK) {
            let reason = format!("it is the page's address and {CALLBACK}");
            return Err(entry(&self.redirect_url, "single_sign_on.redirect_url", reason));
        }
        let secret = self.client_secret.as_ref().map(|secret| {
            let read = secret.value.read(folder);
            read.map_err(|reason| entry(secret, "single_sign_on.client_secret", reason))
        });
        let authorities = match &self.ca_file {
            None => Vec::new(),
            Some(file) => std::fs::read(folder.join(&file.value)).map_err(|error| {
                entry(
                    file,
                    "single_sign_on.ca_file",
                    format!("cannot read {}: {error}", file.value.display()),
                )
            })?,
        };
        let words = |words: &[Spanned<String>]| words.iter().map(|word| word.value.clone()).collect();
        let settings = Settings {
            issuer: self.issuer.value.clone(),
            client_id: self.client_id.value.clone(),
            client_secret: secret.transpose()?,
            redirect_uri: self.redirect_url.value.clone(),
            scopes: self
                .scopes
                .as_deref()
                .map_or_else(|| ["profile", "email", "groups"].map(str::to_owned).to_vec(), words),
            groups_claim: self.groups_claim.as_ref().map_or("groups", |claim| &claim.value).to_owned(),
            authorities,
        };
        let provider = Provider::new(settings).map_err(|error| self.wrong(&error))?;
        if self.access.value.is_empty() {
            let reason =
                "name a group or an address and what it opens; without any, no log-in opens anything";
            return Err(entry(&self.access, "single_sign_on.access", reason));
        }
        let access = self.access.value.iter().map(AccessEntry::read).collect::<Result<Vec<_>, _>>()?;
        // A version of what decides who opens what. Debug shows all of it, and nothing of it is secret.
        let rules = format!("{:?} {:?} {access:?}", self.issuer.value, self.client_id.value);
        Ok(SingleSignOn {
            name: name.value.clone(),
            issuer: self.issuer.value.clone(),
            provider,
            secure: self.redirect_url.value.starts_with("https://"),
            access,
            rules: HEXLOWER.encode(&Sha256::digest(rules)),
        })
    }

    /// A mistake, with the line of its key.
    fn wrong(&self, error: &InvalidSettings) -> Invalid {
        let key = format!("single_sign_on.{}", error.key());
        let reason = store::causes(error);
        match (error.key(), &self.ca_file, &self.groups_claim) {
            ("redirect_url", ..) => entry(&self.redirect_url, &key, reason),
            ("client_id", ..) => entry(&self.client_id, &key, reason),
            ("ca_file", Some(file), _) => entry(file, &key, reason),
            ("groups_claim", _, Some(claim)) => entry(claim, &key, reason),
            _ => entry(&self.issuer, &key, reason),
        }
    }
}

impl AccessEntry {
    fn read(&self) -> Result<SignOnAccess, Invalid> {
        let who = match (&self.group, &self.email) {
            (Some(group), None) => SignOnSubject::Group(group.value.clone()),
            (None, Some(email)) => SignOnSubject::Email(email.value.clone()),
            _ => {
                let reason = "write either `group: NAME` or `email: ADDRESS`";
                return Err(entry(&self.role, "single_sign_on.access[]", reason));
            }
        };
        if self.person.is_some() == self.everyone {
            let reason = "write either `person: NAME` or `everyone: true`";
            return Err(entry(&self.role, "single_sign_on.access[].person", reason));
        }
        let role: Role = self
            .role
            .value
            .parse()
            .map_err(|error| entry(&self.role, "single_sign_on.access[].role", error))?;
        Ok(SignOnAccess {
            who,
            person: person(self.person.as_ref(), "single_sign_on.access[].person")?,
            scopes: role.scopes(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: &str = "name: Home\nissuer: https://auth.example.org\nclient_id: myhealth\nclient_secret: hunter2\n\
        redirect_url: https://health.example.org/api/v1/auth/sso/callback\naccess:\n  - {group: family, person: ann, role: user}\n  \
        - {email: op@example.org, everyone: true, role: admin}\n";

    fn read(text: &str) -> Result<SingleSignOn, String> {
        let entry: SignOnEntry = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        entry.read(Path::new("")).map_err(|error| store::causes(&error).clone())
    }

    #[test]
    fn provider_is_read_with_groups_addresses_and_roles() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let sign_on = read(RIGHT).unwrap();
        assert_eq!((&*sign_on.name, sign_on.secure, sign_on.access.len()), ("Home", true, 2));
        assert_eq!(sign_on.access[0].scopes, Role::User.scopes());
        assert_eq!(sign_on.access[1].who, SignOnSubject::Email("op@example.org".to_owned()));
        let same = read(&RIGHT.replace("hunter2", "hunter3")).unwrap();
        assert_eq!(same.rules, sign_on.rules, "a new secret ends no log-in");
        for other in [("family", "friends"), ("person: ann", "person: bob"), ("role: user", "role: reader")] {
            assert_ne!(read(&RIGHT.replace(other.0, other.1)).unwrap().rules, sign_on.rules, "{other:?}");
        }
    }

    #[test]
    fn mistake_in_the_provider_is_refused_with_its_line_and_without_its_secret() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        for (right, wrong, place) in [
            (
                "https://auth.example.org",
                "http://auth.example.org",
                "line 2, single_sign_on.issuer: write an https",
            ),
            ("client_id: myhealth", "client_id: ''", "line 3, single_sign_on.client_id"),
            (
                "client_secret: hunter2",
                "client_secret: {file: none}",
                "line 4, single_sign_on.client_secret: cannot read",
            ),
            ("sso/callback", "callback", "line 5, single_sign_on.redirect_url: it is the page's address and"),
            ("role: user", "role: owner", "line 7, single_sign_on.access[].role: no role is called"),
            ("person: ann, ", "", "line 7, single_sign_on.access[].person: write either"),
            ("group: family", "group: family, email: x", "line 7, single_sign_on.access[]: write either"),
        ] {
            let error = read(&RIGHT.replace(right, wrong)).unwrap_err();
            assert!(error.contains(place), "{wrong}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert!(read(&RIGHT.replace("client_id", "client")).unwrap_err().contains("client"));
    }
}
