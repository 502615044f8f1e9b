//! The accounts with which people log in at the API.

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::bail;
use api::administration::{account_number, is_account_name};
use api::login::password;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use store::{AuditAction, NewUserAccount, Scopes, Store};

use super::audit;
use super::declare::Entry;
use crate::Clock;
use crate::cli::{AccountCommand, ListArgs, PasswordArgs};
use crate::config::{Invalid, expiry, read_secret};
use crate::output;

pub(crate) async fn account(command: AccountCommand, clock: Clock) -> anyhow::Result<ExitCode> {
    match command {
        AccountCommand::Hash { name, person, everyone: _, limits, password } => {
            check_name(&name)?;
            expiry(limits.expires, clock())?;
            let hash = password.read()?;
            let (person, everyone) = (person.as_ref(), person.is_none());
            let scopes = limits.scopes();
            let entry = Entry { name: &name, person, everyone, scopes: &scopes, expires: limits.expires };
            entry.print("password_hash", hash.expose_secret());
        }
        AccountCommand::Add { name, person, everyone: _, limits, password, store } => {
            check_name(&name)?;
            let expires_at = expiry(limits.expires, clock())?;
            let password = password.read()?;
            let store = super::open(&store).await?;
            let person = match person {
                Some(person) => Some(super::known(&store, &person).await?.id),
                None => None,
            };
            let id = account_number()?;
            let scopes = Scopes::of_account(limits.scopes());
            let new = NewUserAccount { id, name: name.clone(), person, scopes, expires_at, password };
            let created = store.create_account(&new, clock()).await?;
            if created {
                record(&store, &clock, AuditAction::AccountCreate, "account add", &name).await;
            }
            store.close().await;
            if !created {
                bail!(
                    "{name} has an account already; `myhealth account password {name}` sets a new password"
                );
            }
            outln!("{name} can log in: POST /api/v1/auth/login with name and password (docs/api.md)");
        }
        AccountCommand::Password { name, password, store } => {
            let password = password.read()?;
            let store = super::open(&store).await?;
            let changed = store.set_password(&name, &password, clock()).await?;
            if changed {
                record(&store, &clock, AuditAction::PasswordChange, "account password", &name).await;
            }
            store.close().await;
            if !changed {
                bail!("there is no account called {name}; `myhealth account list` shows all");
            }
            outln!("{name} has a new password; every log-in with the old one has ended");
        }
        AccountCommand::List(args) => list(&args).await?,
        AccountCommand::Remove { name, store } => {
            let store = super::open(&store).await?;
            let removed = store.remove_account(&name).await?;
            if removed {
                record(&store, &clock, AuditAction::AccountRemove, "account remove", &name).await;
            }
            store.close().await;
            if !removed {
                bail!("there is no account called {name}; `myhealth account list` shows all");
            }
            outln!("{name} was removed; every log-in has ended");
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn record(store: &Store, clock: &Clock, action: AuditAction, command: &str, name: &str) {
    audit::record(store, clock(), action, command, format!("account {name}")).await;
}

fn check_name(name: &str) -> Result<(), Invalid> {
    if is_account_name(name) { Ok(()) } else { Err(Invalid::AccountName) }
}

async fn list(args: &ListArgs) -> anyhow::Result<()> {
    let store = super::open(&args.store).await?;
    let people = store.people().await?;
    if args.output.json {
        let accounts = store.accounts().await?;
        store.close().await;
        let listed = accounts.iter().map(|account| {
            let person = people.iter().find(|person| account.person == Some(person.id));
            serde_json::json!({
                "name": account.name,
                "person": person.map(|person| person.name.as_str()),
                "scopes": account.scopes.to_string(),
                "created_at": account.created_at,
                "password_changed_at": account.password_changed_at,
                "last_login_at": account.last_login_at,
                "expires_at": account.expires_at,
                "declared": account.declared,
            })
        });
        return Ok(output::print_json(&listed.collect::<Vec<_>>())?);
    }
    let time = |at: Timestamp| at.strftime("%F %H:%M UTC").to_string();
    for account in store.accounts().await? {
        let person = account.person.and_then(|id| people.iter().find(|person| person.id == id));
        let person = person.map_or("everyone", |person| person.name.as_str());
        let last = account.last_login_at.map_or("never".to_owned(), time);
        let ends = account.expires_at.map_or(String::new(), |end| format!(", ends {}", time(end)));
        let declared = if account.declared { ", declared" } else { "" };
        let made = if account.single_sign_on {
            "single sign-on".to_owned()
        } else {
            format!("password of {}", time(account.password_changed_at))
        };
        outln!(
            "{:<24} {person:<12} {:<22} {made}, last log-in {last}{ends}{declared}",
            account.name,
            account.scopes.to_string(),
        );
    }
    store.close().await;
    Ok(())
}

impl PasswordArgs {
    /// The hash of a new password, from a file or from a terminal, where it is typed twice.
    fn read(&self) -> anyhow::Result<SecretString> {
        let password: SecretString = match &self.password_file {
            Some(path) => read_secret("--password-file", path)?.into(),
            None if !std::io::stdin().is_terminal() => {
                bail!("there is no terminal to ask for the password on; use --password-file");
            }
            None => {
                let first: SecretString = rpassword::prompt_password("Password: ")?.into();
                let again: SecretString = rpassword::prompt_password("Again: ")?.into();
                if first.expose_secret() != again.expose_secret() {
                    bail!("the two differ; nothing was changed");
                }
                first
            }
        };
        password::keep(&password).map_err(|error| Invalid::Password(error).into())
    }
}
