//! The tokens by which programs read the API.

use std::process::ExitCode;

use anyhow::{Context, bail};
use jiff::Timestamp;
use store::{NewToken, Scopes, Store};

use crate::Clock;
use crate::cli::TokenCommand;
use crate::config::Invalid;
use crate::output;

pub(crate) async fn token(command: TokenCommand, clock: Clock) -> anyhow::Result<ExitCode> {
    match command {
        TokenCommand::Create { name, person, scope, expires, store } => {
            if name.is_empty() || name.len() > 64 || name.chars().any(char::is_control) {
                return Err(Invalid::TokenName.into());
            }
            let store = super::open(&store).await?;
            let person = match person {
                Some(name) => Some(super::known(&store, &name).await?.id),
                None => None,
            };
            let scopes = Scopes::new(scope);
            let expires_at = expires.map(|day| day.plus(1).midnight_utc());
            if expires_at.is_some_and(|end| end <= clock()) {
                return Err(Invalid::TokenExpired.into());
            }
            let mut random = [0_u8; 32];
            getrandom::fill(&mut random).context("the operating system gives no random numbers")?;
            let token =
                store.create_token(&NewToken { name, person, scopes, expires_at }, random, clock()).await?;
            if let Err(error) = output::deliver(format_args!("{token}\n")) {
                // A token that did not reach its owner must not stay in force.
                store.revoke_token(number(&token)?, clock()).await?;
                store.close().await;
                return Err(error)
                    .context("the token could not be printed and was revoked; no token is in force");
            }
            errln!("Keep it now: it is not shown again. `myhealth token list` shows that it exists.");
            store.close().await;
        }
        TokenCommand::List(args) => {
            let store = super::open(&args).await?;
            list(&store, clock()).await?;
            store.close().await;
        }
        TokenCommand::Revoke { id, store } => {
            let store = super::open(&store).await?;
            let revoked = store.revoke_token(id, clock()).await?;
            store.close().await;
            if !revoked {
                bail!("no token in force has the number {id}; `myhealth token list` shows all");
            }
            outln!("token {id} is revoked");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The number of a token, which is between its underscores.
fn number(token: &str) -> anyhow::Result<i64> {
    let number = token.split('_').nth(1).and_then(|number| number.parse().ok());
    number.context("BUG: a token has its number between its underscores")
}

async fn list(store: &Store, now: Timestamp) -> anyhow::Result<()> {
    let people = store.people().await?;
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
