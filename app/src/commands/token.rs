//! The tokens by which programs read the API.

use std::process::ExitCode;

use anyhow::{Context, bail};
use jiff::Timestamp;
use store::{NewToken, Scope, Scopes, Store};

use crate::Clock;
use crate::cli::{ScopeArg, TokenCommand};
use crate::config::Invalid;

pub(crate) async fn token(command: TokenCommand, clock: Clock) -> anyhow::Result<ExitCode> {
    match command {
        TokenCommand::Create { name, person, scope, store } => {
            if name.is_empty() || name.len() > 64 || name.chars().any(char::is_control) {
                return Err(Invalid::TokenName.into());
            }
            let store = super::open(&store).await?;
            let person = match person {
                Some(name) => Some(super::known(&store, &name).await?.id),
                None => None,
            };
            let scopes = Scopes::new(scope.into_iter().map(Scope::from).collect());
            let mut random = [0_u8; 32];
            getrandom::fill(&mut random).context("the operating system gives no random numbers")?;
            let token = store.create_token(&NewToken { name, person, scopes }, random, clock()).await?;
            println!("{token}");
            eprintln!("Keep it now: it is not shown again. `myhealth token list` shows that it exists.");
            store.close().await;
        }
        TokenCommand::List(args) => {
            let store = super::open(&args).await?;
            list(&store).await?;
            store.close().await;
        }
        TokenCommand::Revoke { id, store } => {
            let store = super::open(&store).await?;
            let revoked = store.revoke_token(id, clock()).await?;
            store.close().await;
            if !revoked {
                bail!("no token in force has the number {id}; `myhealth token list` shows all");
            }
            println!("token {id} is revoked");
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl From<ScopeArg> for Scope {
    fn from(scope: ScopeArg) -> Self {
        match scope {
            ScopeArg::Rest => Self::Rest,
            ScopeArg::RemoteRead => Self::RemoteRead,
            ScopeArg::Ingest => Self::Ingest,
        }
    }
}

async fn list(store: &Store) -> anyhow::Result<()> {
    let people = store.people().await?;
    let day = |at: Option<Timestamp>, never| {
        at.map_or(String::from(never), |at| at.strftime("%F %H:%M UTC").to_string())
    };
    for token in store.tokens().await? {
        let person = token.person.and_then(|id| people.iter().find(|person| person.id == id));
        let person = person.map_or("everyone", |person| person.name.as_str());
        let state = match token.revoked_at {
            Some(at) => format!("revoked {}", day(Some(at), "")),
            None => format!("last used {}", day(token.last_used_at, "never")),
        };
        let made = day(Some(token.created_at), "");
        println!(
            "{:>4}  {:<24} {person:<12} {:<18} made {made}, {state}",
            token.id,
            token.name,
            token.scopes.to_string()
        );
    }
    Ok(())
}
