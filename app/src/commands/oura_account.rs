//! One Oura account is one person: what is stored about a person must not be mixed with, or replaced by, another
//! account's.

use std::time::Duration;

use anyhow::bail;
use ingest::Failure;
use jiff::SignedDuration;
use store::{AccountClaim, Person, Store, causes};

use crate::people::PersonSettings;
use crate::{Clock, serve};

/// Longer than replacing an account takes; a process that is killed meanwhile delays others by no more.
const LEASE: SignedDuration = SignedDuration::from_secs(30);

/// How often the end of a running sync is looked for.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The person whose log-in this is, added if new. Refuses, before anything is stored, the log-in of an account that is
/// not the person's.
pub(crate) async fn person_of(
    store: &Store,
    who: &PersonSettings,
    account: Result<String, Failure>,
    replace_it: bool,
    clock: &Clock,
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
            return Ok(who.ensure(store, clock()).await?);
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
        who.ensure(store, clock()).await?
    };
    match store.claim_account(person.id, &account, None).await? {
        AccountClaim::Confirmed => {}
        AccountClaim::OtherAccount if replace_it => replace(store, &person, &account, clock).await?,
        AccountClaim::OtherAccount => bail!(
            "this is another Oura account than the one stored as {0}; nothing was changed. Log in as the right one (in \
             a private window of the browser), or say who it is with --person NAME. If {0} has really got another \
             account, repeat with --replace-account: what is stored stays",
            person.name
        ),
        AccountClaim::OtherPerson(other) => bail!(shared(other.as_str())),
    }
    Ok(who.ensure(store, clock()).await?)
}

/// Makes an account the person's; what is stored becomes an archive of the previous account. Waits for a running sync of the
/// person, which would store documents of the previous account afterwards.
pub(crate) async fn replace(
    store: &Store,
    person: &Person,
    account: &str,
    clock: &Clock,
) -> anyhow::Result<()> {
    let holder = serve::lease_holder()?;
    let mut waiting = false;
    while !store.take_sync_lease(person.id, &holder, clock() + LEASE, clock()).await? {
        if !std::mem::replace(&mut waiting, true) {
            outln!("waiting for the running sync of {} to end", person.name);
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    let claim = store.replace_account(person.id, account).await;
    store.release_unused_sync_lease(person.id, &holder).await?;
    match claim? {
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
