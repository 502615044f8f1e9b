//! On which days something happened: a tag stood, a workout was done.

use std::collections::BTreeSet;

use domain::{Day, DayRange, Event, Theme};
use store::{Person, Store};

use crate::error::Error;

/// Days one tag may stand; Oura's forms end within a year.
const LONGEST_TAG: i64 = 366;

/// The days of a range on which a tag of this name stands; the name is Oura's code or the wearer's own, upper and lower
/// case alike. One statement.
pub(super) async fn tagged(
    store: &Store,
    person: &Person,
    name: &str,
    range: DayRange,
) -> Result<BTreeSet<Day>, Error> {
    let name = name.to_lowercase();
    let tags: Vec<_> = Theme::Tags.collections().collect();
    let reach = DayRange::new(range.first().plus(1 - LONGEST_TAG), range.last()).unwrap_or(range);
    let mut days = BTreeSet::new();
    for tag in store.documents_of(person.id, &tags, reach).await? {
        if Event::tag_names(tag.collection, &tag.body).contains(&name) {
            days.extend(Event::tagged_days(tag.day, &tag.body, LONGEST_TAG));
        }
    }
    days.retain(|day| range.contains(*day));
    Ok(days)
}

/// The days of a range on which there was a workout. One statement.
pub(super) async fn workouts(
    store: &Store,
    person: &Person,
    range: DayRange,
) -> Result<BTreeSet<Day>, Error> {
    let found = store
        .days_with_documents(person.id, &Theme::Workouts.collections().collect::<Vec<_>>(), range)
        .await?;
    Ok(found.into_values().flatten().collect())
}
