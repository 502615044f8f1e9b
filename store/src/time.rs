//! Points in time as both databases keep them.

use jiff::Timestamp;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo, PgValueRef};
use sqlx::sqlite::{SqliteArgumentsBuffer, SqliteTypeInfo, SqliteValueRef};
use sqlx::{Decode, Encode, Postgres, Sqlite, Type};

/// A point in time in UTC, to the microsecond, which is as exact as PostgreSQL keeps it. SQLite keeps texts of one length,
/// `2026-03-29T12:00:00.000000Z`, and compares them as texts: their order is the order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Time(Timestamp);

impl Time {
    /// The moment in time.
    pub(crate) const fn get(self) -> Timestamp {
        self.0
    }
}

impl From<Timestamp> for Time {
    /// Cuts off what the databases do not keep.
    fn from(at: Timestamp) -> Self {
        Self(Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at))
    }
}

/// The moment as it will be read back.
pub(crate) fn stored(at: Timestamp) -> Timestamp {
    Time::from(at).get()
}

impl Type<Sqlite> for Time {
    fn type_info() -> SqliteTypeInfo {
        <jiff_sqlx::Timestamp as Type<Sqlite>>::type_info()
    }

    fn compatible(kind: &SqliteTypeInfo) -> bool {
        <jiff_sqlx::Timestamp as Type<Sqlite>>::compatible(kind)
    }
}

impl Encode<'_, Sqlite> for Time {
    fn encode_by_ref(&self, buffer: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Sqlite>::encode(format!("{:.6}", self.0), buffer)
    }
}

impl<'r> Decode<'r, Sqlite> for Time {
    fn decode(value: SqliteValueRef<'r>) -> Result<Self, BoxDynError> {
        Ok(Self(<jiff_sqlx::Timestamp as Decode<Sqlite>>::decode(value)?.to_jiff()))
    }
}

impl Type<Postgres> for Time {
    fn type_info() -> PgTypeInfo {
        <jiff_sqlx::Timestamp as Type<Postgres>>::type_info()
    }
}

impl Encode<'_, Postgres> for Time {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Postgres>::encode(jiff_sqlx::ToSqlx::to_sqlx(self.0), buffer)
    }
}

impl<'r> Decode<'r, Postgres> for Time {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        Ok(Self(<jiff_sqlx::Timestamp as Decode<Postgres>>::decode(value)?.to_jiff()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(at: Time) -> String {
        format!("{:.6}", at.0)
    }

    proptest! {
        #[test]
        fn time_texts_are_in_the_order_of_time(
            seconds in 0_i64..4_000_000_000,
            nanoseconds in 0_i32..1_000_000_000,
            later in prop_oneof![Just(0_i64), Just(1), 2..1_000_000_000_i64],
        ) {
            let one = Timestamp::new(seconds, nanoseconds).unwrap();
            let other = Time::from(one + jiff::SignedDuration::from_nanos(later));
            let one = Time::from(one);
            prop_assert_eq!(text(one).cmp(&text(other)), one.cmp(&other), "{} {}", text(one), text(other));
            prop_assert_eq!(text(one).len(), "2026-03-29T12:00:00.000000Z".len());
            prop_assert_eq!(text(one).parse::<Timestamp>().unwrap(), one.get(), "read back as stored");
        }
    }
}
