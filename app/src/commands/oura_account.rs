//! One Oura account is one person: what is stored about a person must not be mixed with, or replaced by, another
//! account's.

use anyhow::bail;
use ingest::Failure;
use jiff::Timestamp;
use store::{AccountClaim, Person, Store, causes};

use crate::config::PersonSettings;

/// The person whose log-in this is, added if new. Refuses, before anything is stored, the log-in of an account that is
/// not the person's.
pub(crate) async fn person_of(
    store: &Store,
    who: &PersonSettings,
    account: Result<String, Failure>,
    replace_it: bool,
    now: Timestamp,
) -> anyhow::Result<Person> {
    let account = match account {
        Ok(account) => account,
        Err(failure) if replace_it => {
            bail!("Oura did not say which account this is ({}); nothing was changed", causes(&failure))
        }
        Err(failure) => {
            outln!(
                "Oura did not say which account this is ({}); it is asked again before anything is read",
                causes(&failure)
            );
            return Ok(who.ensure(store, now).await?);
        }
    };
    let person = if let Some(person) = store.person(who.name.as_str()).await? {
        person
    } else {
        // No person is added for a log-in that is refused.
        if let Some(owner) = store.account_owner(&account).await?
            && let Some(owner) = store.person_of(owner).await?
        {
            bail!(shared(owner.name.as_str()));
        }
        who.ensure(store, now).await?
    };
    match store.claim_account(person.id, &account, None).await? {
        AccountClaim::Confirmed => {}
        AccountClaim::OtherAccount if replace_it => replace(store, &person, &account).await?,
        AccountClaim::OtherAccount => bail!(
            "this is another Oura account than the one stored as {0}; nothing was changed. Log in as the right one (in \
             a private window of the browser), or say who it is with --person NAME. If {0} has really got another \
             account, repeat with --replace-account: what is stored stays",
            person.name
        ),
        AccountClaim::OtherPerson(other) => bail!(shared(other.as_str())),
    }
    Ok(who.ensure(store, now).await?)
}

/// Makes an account the person's; what is stored becomes an archive of the account before.
pub(crate) async fn replace(store: &Store, person: &Person, account: &str) -> anyhow::Result<()> {
    match store.replace_account(person.id, account).await? {
        AccountClaim::OtherPerson(other) => bail!(shared(other.as_str())),
        AccountClaim::Confirmed | AccountClaim::OtherAccount => {
            outln!("{} has another Oura account from now on; what is stored stays", person.name);
            Ok(())
        }
    }
}

fn shared(other: &str) -> String {
    format!(
        "this Oura account is {other}'s here, and one account is one person; nothing was changed. Log in as another \
         account (in a private window of the browser), or with --person {other}"
    )
}
