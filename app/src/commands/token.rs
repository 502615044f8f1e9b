//! The tokens by which programs read the API.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use api::administration::{create_token, is_token_name};
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use store::{AuditAction, MIN_DECLARED_TOKEN, NewToken, Scopes, Store};

use super::audit;
use super::declare::Entry;
use crate::Clock;
use crate::cli::TokenCommand;
use crate::config::{Invalid, expiry, read_secret};
use crate::declared::SHA256;
use crate::output;

pub(crate) async fn token(command: TokenCommand, clock: Clock) -> anyhow::Result<ExitCode> {
    match command {
        TokenCommand::Create { name, person, scope, expires, store } => {
            if !is_token_name(&name) {
                return Err(Invalid::TokenName.into());
            }
            let store = super::open(&store).await?;
            let person = match person {
                Some(name) => Some(super::known(&store, &name).await?.id),
                None => None,
            };
            let scopes = Scopes::new(scope);
            let expires_at = expiry(expires, clock())?;
            let new = NewToken { name, person, scopes, expires_at };
            let (number, token) = create_token(&store, &new, clock()).await?;
            let subject = format!("token {number} ({})", new.name);
            audit::record(&store, clock(), AuditAction::TokenCreate, "token create", &*subject).await;
            if let Err(error) = output::deliver(format_args!("{token}\n")) {
                // A token that did not reach its owner must not stay in force.
                store.revoke_token(number, clock()).await?;
                audit::record(&store, clock(), AuditAction::TokenRevoke, "token create", &*subject).await;
                store.close().await;
                return Err(error)
                    .context("the token could not be printed and was revoked; no token is in force");
            }
            errln!("Keep it now: it is not shown again. `myhealth token list` shows that it exists.");
            store.close().await;
        }
        TokenCommand::Hash { name, person, scope, expires, token_file, hash_file } => {
            if !is_token_name(&name) {
                return Err(Invalid::TokenName.into());
            }
            expiry(expires, clock())?;
            let token = if let Some(path) = &token_file {
                token_of(path)?
            } else {
                let token = draw()?;
                errln!("The token, which is not shown again: {token}");
                token
            };
            let hash = format!("{SHA256}{}", HEXLOWER.encode(&Sha256::digest(token.as_bytes())));
            let Some(file) = hash_file else {
                let entry =
                    Entry { name: &name, person: person.as_ref(), everyone: false, scopes: &scope, expires };
                entry.print("hash", &hash);
                return Ok(ExitCode::SUCCESS);
            };
            std::fs::write(&file, format!("{hash}\n"))
                .map_err(|source| Invalid::Unwritable { path: file.clone(), source })?;
        }
        TokenCommand::List(args) => {
            let store = super::open(&args.store).await?;
            list(&store, args.output.json, clock()).await?;
            store.close().await;
        }
        TokenCommand::Revoke { id, store } => {
            let store = super::open(&store).await?;
            let revoked = store.revoke_token(id, clock()).await?;
            if revoked {
                let subject = format!("token {id}");
                audit::record(&store, clock(), AuditAction::TokenRevoke, "token revoke", subject).await;
            }
            store.close().await;
            if !revoked {
                bail!("no token in force has the number {id}; `myhealth token list` shows all");
            }
            outln!("token {id} is revoked");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A new token without a number: 256 random bits.
fn draw() -> anyhow::Result<String> {
    let mut random = [0_u8; 32];
    getrandom::fill(&mut random).context("the operating system gives no random numbers")?;
    Ok(format!("mh_{}", HEXLOWER.encode(&random)))
}

/// The token in a file; a new one where there is no file.
fn token_of(path: &Path) -> anyhow::Result<String> {
    match read_secret("--token-file", path) {
        Ok(token) => {
            // Dots would make it a log-in, and other bytes do not fit in a header.
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-~+/=".contains(&byte);
            if token.len() < MIN_DECLARED_TOKEN || !token.bytes().all(plain) {
                return Err(Invalid::TokenText(path.to_owned()).into());
            }
            Ok(token)
        }
        Err(Invalid::Unreadable { source, .. }) if source.kind() == ErrorKind::NotFound => {
            let token = draw()?;
            let mut options = File::options();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let written = options.open(path).and_then(|mut file| writeln!(file, "{token}"));
            written.map_err(|source| Invalid::Unwritable { path: path.to_owned(), source })?;
            Ok(token)
        }
        Err(error) => Err(error.into()),
    }
}

async fn list(store: &Store, json: bool, now: Timestamp) -> anyhow::Result<()> {
    let people = store.people().await?;
    if json {
        let tokens = store.tokens().await?;
        let listed = tokens.iter().map(|token| {
            let person = people.iter().find(|person| token.person == Some(person.id));
            serde_json::json!({
                "id": token.id,
                "name": token.name,
                "person": person.map(|person| person.name.as_str()),
                "scopes": token.scopes.to_string(),
                "created_at": token.created_at,
                "last_used_at": token.last_used_at,
                "revoked_at": token.revoked_at,
                "expires_at": token.expires_at,
                "declared": token.declared,
            })
        });
        return Ok(output::print_json(&listed.collect::<Vec<_>>())?);
    }
    let day = |at: Option<Timestamp>, never| {
        at.map_or(String::from(never), |at| at.strftime("%F %H:%M UTC").to_string())
    };
    for token in store.tokens().await? {
        let person = token.person.and_then(|id| people.iter().find(|person| person.id == id));
        let person = person.map_or("everyone", |person| person.name.as_str());
        let used = day(token.last_used_at, "never");
        let state = match (token.revoked_at, token.expires_at) {
            (Some(at), _) => format!("revoked {}", day(Some(at), "")),
            (None, Some(end)) if end <= now => format!("ended {}", day(Some(end), "")),
            (None, Some(end)) => format!("last used {used}, ends {}", day(Some(end), "")),
            (None, None) => format!("last used {used}"),
        };
        let state = if token.declared { format!("{state}, declared") } else { state };
        let made = day(Some(token.created_at), "");
        outln!(
            "{:>4}  {:<24} {person:<12} {:<18} made {made}, {state}",
            token.id,
            token.name,
            token.scopes.to_string()
        );
    }
    Ok(())
}
