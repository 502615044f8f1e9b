//! Documents read back as Oura sent them, for consumers that show events rather than numbers.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Collection, Day, DayRange};
use jiff::Timestamp;
use jiff_sqlx::{Date, ToSqlx};
use sqlx::QueryBuilder;

use crate::Store;
use crate::backend::with_pool;
use crate::connection::Reader;
use crate::error::{Error, Result};
use crate::sql::{Columns, read, row, select};
use crate::sync;
use crate::time::Time;

/// A document as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDocument {
    /// Which collection.
    pub collection: Collection,
    /// Oura's id.
    pub id: String,
    /// The day it is filed under.
    pub day: Day,
    /// The JSON text as Oura sent it.
    pub body: String,
    /// 1 when first seen, one more with every change.
    pub revision: i64,
    /// When it first came.
    pub first_seen_at: Timestamp,
    /// When this content came.
    pub changed_at: Timestamp,
}

row! {
    struct DocumentRow {
        collection: String,
        id: String,
        day: Date,
        body: String,
        revision: i64,
        first_seen_at: Time,
        changed_at: Time,
    }
}

row! {
    /// The days of a collection as PostgreSQL returns them.
    struct DaysRow {
        collection: String,
        days: Vec<Date> = "array_agg(day)",
    }
}

row! {
    /// The days of a collection as SQLite returns them: a text with commas.
    struct DayListRow {
        collection: String,
        days: String = "group_concat(distinct day)",
    }
}

impl DocumentRow {
    fn document(self) -> Result<StoredDocument> {
        Ok(StoredDocument {
            collection: collection(&self.collection)?,
            id: self.id,
            day: sync::day(self.day)?,
            body: self.body,
            revision: self.revision,
            first_seen_at: self.first_seen_at.get(),
            changed_at: self.changed_at.get(),
        })
    }
}

fn collection(name: &str) -> Result<Collection> {
    name.parse().map_err(|_| Error::Corrupt { what: "collection" })
}

impl Store {
    /// The first documents of one collection in a range of days, in order of day and id, that come after `after`.
    pub async fn documents(
        &self,
        person: i64,
        collection: Collection,
        range: DayRange,
        after: Option<(Day, &str)>,
        most: i64,
    ) -> Result<Vec<StoredDocument>> {
        let (day, id) = after.unwrap_or((range.first().plus(-1), ""));
        let rows: Vec<DocumentRow> = read!(
            self,
            query_as.fetch_all,
            select::<DocumentRow>(
                "from document where person = $1 and collection = $2 and day between $3 and $4
                   and (day > $5 or (day = $5 and id > $6))
                 order by day, id limit $7"
            ),
            person,
            collection.name(),
            range.first().date().to_sqlx(),
            range.last().date().to_sqlx(),
            day.date().to_sqlx(),
            id,
            most
        );
        rows.into_iter().map(DocumentRow::document).collect()
    }

    /// Every document of some collections in a range of days, in order of day and id; for collections of a few small
    /// documents a day.
    pub async fn documents_of(
        &self,
        person: i64,
        collections: &[Collection],
        range: DayRange,
    ) -> Result<Vec<StoredDocument>> {
        if collections.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<DocumentRow> = with_pool!(self, pool, Db => {
            let mut query = QueryBuilder::<Db>::new(
                    format!("select {} from document where person = ", DocumentRow::COLUMNS),
                );
            query.push_bind(person);
            push_filter(&mut query, collections, range);
            query.push(" order by day, id").build_query_as().persistent(false).fetch_all(pool).await?
        });
        rows.into_iter().map(DocumentRow::document).collect()
    }

    /// The days of a range on which each of some collections has a document; a collection without any has no entry.
    pub async fn days_with_documents(
        &self,
        person: i64,
        collections: &[Collection],
        range: DayRange,
    ) -> Result<BTreeMap<Collection, BTreeSet<Day>>> {
        if collections.is_empty() {
            return Ok(BTreeMap::new());
        }
        let names: Vec<&str> = collections.iter().map(|collection| collection.name()).collect();
        let (first, last) = (range.first().date().to_sqlx(), range.last().date().to_sqlx());
        // A row a collection, for the reason that `daily_of_people` gives.
        match self.reader().await? {
            Reader::Postgres(mut connection) => {
                let rows: Vec<DaysRow> = sqlx::query_as(select::<DaysRow>(
                    "from
                         (select distinct collection, day from document
                          where person = $1 and collection = any($2) and day between $3 and $4) as days
                     group by collection",
                ))
                .bind(person)
                .bind(names)
                .bind(first)
                .bind(last)
                .fetch_all(&mut connection)
                .await?;
                let days = |days: Vec<Date>| days.into_iter().map(sync::day).collect::<Result<_>>();
                rows.into_iter().map(|row| Ok((collection(&row.collection)?, days(row.days)?))).collect()
            }
            Reader::Sqlite(mut connection) => {
                let rows: Vec<DayListRow> = sqlx::query_as(select::<DayListRow>(
                    "from document
                     where person = $1 and collection in (select value from json_each($2)) and day between $3 and $4
                     group by collection",
                ))
                .bind(person)
                .bind(serde_json::Value::from(names).to_string())
                .bind(first)
                .bind(last)
                .fetch_all(&mut connection)
                .await?;
                let day = |text: &str| text.parse().map_err(|_| Error::Corrupt { what: "day" });
                let days = |days: String| days.split(',').map(day).collect::<Result<_>>();
                rows.into_iter().map(|row| Ok((collection(&row.collection)?, days(row.days)?))).collect()
            }
        }
    }
}

/// Narrows a statement to some collections and a range of days.
pub(crate) fn push_filter<'q, Db>(
    query: &'q mut QueryBuilder<Db>,
    collections: &[Collection],
    range: DayRange,
) where
    Db: sqlx::Database,
    &'static str: for<'t> sqlx::Encode<'t, Db> + sqlx::Type<Db>,
    jiff_sqlx::Date: for<'t> sqlx::Encode<'t, Db> + sqlx::Type<Db>,
{
    query.push(" and collection in (");
    let mut list = query.separated(", ");
    for collection in collections {
        list.push_bind(collection.name());
    }
    query.push(") and day between ").push_bind(range.first().date().to_sqlx());
    query.push(" and ").push_bind(range.last().date().to_sqlx());
}
