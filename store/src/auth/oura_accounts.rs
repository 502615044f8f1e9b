//! Which Oura account a person is. An account is one person and a person one account: documents read with another
//! account's log-in must never be stored about a person.

use domain::{Collection, Pseudonym};

use crate::Store;
use crate::error::{Error, Result};
use crate::people::{self, Person, PersonRow};
use crate::sql::{change, read, row, run, select};
use crate::transaction::Tx;
use crate::write::origin::Origin;

/// What a claim of an Oura account for a person found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountClaim {
    /// The account is the person's: from now on, or again.
    Confirmed,
    /// The person is another account. Nothing was changed.
    OtherAccount,
    /// The account is another person. Nothing was changed.
    OtherPerson(Pseudonym),
}

/// What is recorded about the account of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OuraAccount {
    /// Oura's id of the account.
    pub id: String,
    /// The log-in or token it was last confirmed with, as the caller names it.
    pub confirmed_with: Option<String>,
}

row! {
    struct AccountRow {
        id: String = "oura_user",
        confirmed_with: Option<String>,
    }
}

row! {
    /// The newest profile of a person.
    struct ProfileRow {
        person: i64 = "person.id",
        name: String = "person.name",
        body: String = "document.body",
    }
}

/// The lock that serialises claims, of all people together.
const LOCK: (i64, &str) = (0, "oura_account");

impl Store {
    /// Records that the log-in or token called `with` is one of the account `oura_user`, unless the person is another
    /// account or the account another person. Where no account is recorded of a person, the newest stored profile states
    /// it.
    pub async fn claim_account(
        &self,
        person: i64,
        oura_user: &str,
        with: Option<&str>,
    ) -> Result<AccountClaim> {
        let mut tx = self.begin().await?;
        tx.lock(LOCK.0, LOCK.1).await?;
        if let Some(other) = other_owner(&mut tx, person, oura_user).await? {
            return Ok(AccountClaim::OtherPerson(other));
        }
        if account_of(&mut tx, person).await?.is_some_and(|known| known != oura_user) {
            return Ok(AccountClaim::OtherAccount);
        }
        record(&mut tx, person, oura_user, with).await?;
        tx.commit().await?;
        Ok(AccountClaim::Confirmed)
    }

    /// Makes an account the person's in place of the one before. Documents from Oura's API stay as an archive: the new
    /// account's responses do not delete them, and take precedence. History is read again from its beginning.
    pub async fn replace_account(&self, person: i64, oura_user: &str) -> Result<AccountClaim> {
        let mut tx = self.begin().await?;
        tx.lock(LOCK.0, LOCK.1).await?;
        if let Some(other) = other_owner(&mut tx, person, oura_user).await? {
            return Ok(AccountClaim::OtherPerson(other));
        }
        if account_of(&mut tx, person).await?.is_none_or(|before| before != oura_user) {
            let archive = Origin::Import.name();
            change!(&mut tx, "delete from oura_account where person = $1", person);
            change!(
                &mut tx,
                "update document set origin = $1, missing_since = null
                 where person = $2 and origin in ('api', 'webhook')",
                archive,
                person
            );
            change!(
                &mut tx,
                "update rejected set origin = $1 where person = $2 and origin in ('api', 'webhook')",
                archive,
                person
            );
            change!(&mut tx, "delete from webhook_event where person = $1", person);
            change!(
                &mut tx,
                "update sync_state set first_day = null, last_day = null where person = $1",
                person
            );
        }
        record(&mut tx, person, oura_user, None).await?;
        people::count_change(&mut tx, person).await?;
        tx.commit().await?;
        self.schedule_sync(person, None).await?;
        Ok(AccountClaim::Confirmed)
    }

    /// The account of a person; `None` while none is recorded.
    pub async fn oura_account(&self, person: i64) -> Result<Option<OuraAccount>> {
        let row: Option<AccountRow> = read!(
            self,
            query_as.fetch_optional,
            select::<AccountRow>("from oura_account where person = $1"),
            person
        );
        Ok(row.map(|AccountRow { id, confirmed_with }| OuraAccount { id, confirmed_with }))
    }

    /// The person of an Oura account: the one it is recorded for, or whose newest stored profile states it while no
    /// account is recorded.
    pub async fn account_owner(&self, oura_user: &str) -> Result<Option<i64>> {
        let recorded: Option<i64> = read!(
            self,
            query_scalar.fetch_optional,
            "select person from oura_account where oura_user = $1",
            oura_user
        );
        if recorded.is_some() {
            return Ok(recorded);
        }
        let profiles: Vec<ProfileRow> =
            read!(self, query_as.fetch_all, select::<ProfileRow>(UNRECORDED_PROFILES), oura_user);
        Ok(profiles.into_iter().find(|profile| profile.states(oura_user)).map(|profile| profile.person))
    }

    /// The people of whom no account is recorded.
    pub async fn people_without_account(&self) -> Result<Vec<Person>> {
        let rows: Vec<PersonRow> = read!(
            self,
            query_as.fetch_all,
            select::<PersonRow>(
                "from person
                 where not exists (select 1 from oura_account where oura_account.person = person.id) order by id"
            )
        );
        rows.into_iter().map(PersonRow::person).collect()
    }
}

/// The newest profiles from Oura's API of people without a recorded account, those that contain a text. Databases of
/// older versions know accounts by profiles alone.
const UNRECORDED_PROFILES: &str = "from person
     join document on document.person = person.id and document.collection = 'personal_info'
     where not exists (select 1 from oura_account where oura_account.person = person.id)
       and replace(document.body, $1, '') <> document.body
       and document.day = (select max(newest.day) from document as newest
                           where newest.person = person.id and newest.collection = 'personal_info'
                             and newest.origin in ('api', 'webhook'))
       and document.origin in ('api', 'webhook')
     order by person.id";

impl ProfileRow {
    fn states(&self, oura_user: &str) -> bool {
        profile_id(&self.body).is_some_and(|id| id == oura_user)
    }
}

/// The other person whose account this is.
async fn other_owner(tx: &mut Tx, person: i64, oura_user: &str) -> Result<Option<Pseudonym>> {
    let recorded: Option<String> = run!(
        tx,
        query_scalar.fetch_optional,
        "select person.name from oura_account join person on person.id = oura_account.person
         where oura_account.oura_user = $1 and person.id <> $2",
        oura_user,
        person
    );
    let name = if recorded.is_some() {
        recorded
    } else {
        let profiles: Vec<ProfileRow> =
            run!(tx, query_as.fetch_all, select::<ProfileRow>(UNRECORDED_PROFILES), oura_user);
        let mut others = profiles.into_iter().filter(|profile| profile.person != person);
        others.find(|profile| profile.states(oura_user)).map(|profile| profile.name)
    };
    name.map(|name| name.parse().map_err(|_| Error::Corrupt { what: "name of a person" })).transpose()
}

/// The recorded account of a person, or else the one that the newest stored profile states.
async fn account_of(tx: &mut Tx, person: i64) -> Result<Option<String>> {
    let recorded: Option<String> =
        run!(tx, query_scalar.fetch_optional, "select oura_user from oura_account where person = $1", person);
    if recorded.is_some() {
        return Ok(recorded);
    }
    let profile: Option<String> = run!(
        tx,
        query_scalar.fetch_optional,
        "select body from document where person = $1 and collection = $2 and origin in ('api', 'webhook')
         order by day desc limit 1",
        person,
        Collection::PersonalInfo.name()
    );
    Ok(profile.and_then(|body| profile_id(&body)))
}

fn profile_id(body: &str) -> Option<String> {
    let profile: serde_json::Value = serde_json::from_str(body).ok()?;
    Some(profile.get("id")?.as_str()?.to_owned())
}

async fn record(tx: &mut Tx, person: i64, oura_user: &str, with: Option<&str>) -> Result<()> {
    change!(
        tx,
        "insert into oura_account (oura_user, person, confirmed_with) values ($1, $2, $3)
         on conflict (oura_user) do update
         set confirmed_with = coalesce(excluded.confirmed_with, oura_account.confirmed_with)",
        oura_user,
        person,
        with
    );
    Ok(())
}
