//! Which Oura account a person is. An account is one person and a person one account: what another account's log-in
//! reads must never be taken for news about a person.

use domain::{Collection, Pseudonym};

use crate::Store;
use crate::backend::with_pool;
use crate::error::{Error, Result};
use crate::write::origin::Origin;
use crate::people::{self, Person};
use crate::transaction::{Tx, with_conn};

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

/// What claims are serialised by, those of all people together.
const LOCK: &str = "oura_account";
const EVERYBODY: i64 = 0;

impl Store {
    /// Records that the log-in or token called `with` is one of the account `oura_user`, unless the person is another
    /// account or the account another person. A person of whom no account is recorded is the one of the newest stored
    /// profile.
    pub async fn claim_account(
        &self,
        person: i64,
        oura_user: &str,
        with: Option<&str>,
    ) -> Result<AccountClaim> {
        let mut tx = self.begin().await?;
        tx.lock(EVERYBODY, LOCK).await?;
        if let Some(other) = other_owner(&mut tx, person, oura_user).await? {
            return Ok(AccountClaim::OtherPerson(other));
        }
        let recorded = match recorded(&mut tx, person).await? {
            Some(account) => Some(account.id),
            None => profile_id(&mut tx, person).await?,
        };
        if recorded.is_some_and(|recorded| recorded != oura_user) {
            return Ok(AccountClaim::OtherAccount);
        }
        record(&mut tx, person, oura_user, with).await?;
        tx.commit().await?;
        Ok(AccountClaim::Confirmed)
    }

    /// Makes an account the person's in place of the one before. What Oura's API has said of that one stays as an
    /// archive: the new account's answers do not miss it, and count for more. History is read again from its beginning.
    pub async fn replace_account(&self, person: i64, oura_user: &str) -> Result<AccountClaim> {
        let mut tx = self.begin().await?;
        tx.lock(EVERYBODY, LOCK).await?;
        if let Some(other) = other_owner(&mut tx, person, oura_user).await? {
            return Ok(AccountClaim::OtherPerson(other));
        }
        let before = match recorded(&mut tx, person).await? {
            Some(account) => Some(account.id),
            None => profile_id(&mut tx, person).await?,
        };
        if before.is_none_or(|before| before != oura_user) {
            with_conn!(&mut tx, conn => {
                sqlx::query("delete from oura_account where person = $1").bind(person).execute(&mut *conn).await?;
                sqlx::query(
                    "update document set origin = $1, missing_since = null
                     where person = $2 and origin in ('api', 'webhook')",
                )
                .bind(Origin::Import.name())
                .bind(person)
                .execute(&mut *conn)
                .await?;
                sqlx::query(
                    "update rejected set origin = $1 where person = $2 and origin in ('api', 'webhook')",
                )
                .bind(Origin::Import.name())
                .bind(person)
                .execute(&mut *conn)
                .await?;
                sqlx::query("delete from webhook_event where person = $1").bind(person).execute(&mut *conn).await?;
                sqlx::query("update sync_state set first_day = null, last_day = null where person = $1")
                    .bind(person)
                    .execute(conn)
                    .await?;
            });
        }
        record(&mut tx, person, oura_user, None).await?;
        people::count_change(&mut tx, person).await?;
        tx.commit().await?;
        self.schedule_sync(person, None).await?;
        Ok(AccountClaim::Confirmed)
    }

    /// The account of a person; `None` while none is recorded.
    pub async fn oura_account(&self, person: i64) -> Result<Option<OuraAccount>> {
        let row: Option<(String, Option<String>)> = with_pool!(self, pool => {
            sqlx::query_as("select oura_user, confirmed_with from oura_account where person = $1")
                .bind(person)
                .fetch_optional(pool)
                .await?
        });
        Ok(row.map(|(id, confirmed_with)| OuraAccount { id, confirmed_with }))
    }

    /// The person behind an Oura user id.
    pub async fn account_owner(&self, oura_user: &str) -> Result<Option<i64>> {
        Ok(with_pool!(self, pool => {
            sqlx::query_scalar("select person from oura_account where oura_user = $1")
                .bind(oura_user)
                .fetch_optional(pool)
                .await?
        }))
    }

    /// The people of whom it is not known which Oura user they are.
    pub async fn people_without_account(&self) -> Result<Vec<Person>> {
        let rows: Vec<people::Row> = with_pool!(self, pool => {
            sqlx::query_as(
                "select id, name, time_zone from person
                 where not exists (select 1 from oura_account where oura_account.person = person.id) order by id",
            )
            .fetch_all(pool)
            .await?
        });
        rows.into_iter().map(people::person).collect()
    }
}

async fn other_owner(tx: &mut Tx, person: i64, oura_user: &str) -> Result<Option<Pseudonym>> {
    let name: Option<String> = with_conn!(tx, conn => {
        sqlx::query_scalar(
            "select person.name from oura_account join person on person.id = oura_account.person
             where oura_account.oura_user = $1 and person.id <> $2",
        )
        .bind(oura_user)
        .bind(person)
        .fetch_optional(conn)
        .await?
    });
    name.map(|name| name.parse().map_err(|_| Error::Corrupt { what: "name of a person" })).transpose()
}

async fn recorded(tx: &mut Tx, person: i64) -> Result<Option<OuraAccount>> {
    let row: Option<(String, Option<String>)> = with_conn!(tx, conn => {
        sqlx::query_as("select oura_user, confirmed_with from oura_account where person = $1")
            .bind(person)
            .fetch_optional(conn)
            .await?
    });
    Ok(row.map(|(id, confirmed_with)| OuraAccount { id, confirmed_with }))
}

/// The id in the newest profile that Oura's API has said: databases of before know accounts by it alone.
async fn profile_id(tx: &mut Tx, person: i64) -> Result<Option<String>> {
    let body: Option<String> = with_conn!(tx, conn => {
        sqlx::query_scalar(
            "select body from document where person = $1 and collection = $2 and origin in ('api', 'webhook')
             order by day desc limit 1",
        )
        .bind(person)
        .bind(Collection::PersonalInfo.name())
        .fetch_optional(conn)
        .await?
    });
    let profile: Option<serde_json::Value> = body.and_then(|body| serde_json::from_str(&body).ok());
    Ok(profile.and_then(|profile| Some(profile.get("id")?.as_str()?.to_owned())))
}

async fn record(tx: &mut Tx, person: i64, oura_user: &str, with: Option<&str>) -> Result<()> {
    with_conn!(tx, conn => {
        sqlx::query(
            "insert into oura_account (oura_user, person, confirmed_with) values ($1, $2, $3)
             on conflict (oura_user) do update
             set confirmed_with = coalesce(excluded.confirmed_with, oura_account.confirmed_with)",
        )
        .bind(oura_user)
        .bind(person)
        .bind(with)
        .execute(conn)
        .await?;
    });
    Ok(())
}
