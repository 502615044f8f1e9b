//! Looking through a range for the rows of one page, in memory and time that follow the page and not the range.

use domain::{Day, DayRange};

/// How much wider a look is than the one before when nothing was found: 200 empty years are seven looks, not a thousand.
const GROWTH: i64 = 4;

/// A walk from the first day to the last, in looks as wide as what was found so far promises.
pub(super) struct DayScan {
    rest: Option<DayRange>,
    /// Days of the next look, if nothing says otherwise.
    width: i64,
    most: i64,
    /// Days looked at.
    seen: i64,
}

impl DayScan {
    /// Through the days of a range from `from` on, at first `width` days, never more than `most` at once.
    pub(super) fn new(range: DayRange, from: Day, width: i64, most: i64) -> Self {
        let rest = DayRange::new(from.max(range.first()), range.last()).ok();
        Self { rest, width: width.min(most), most, seen: 0 }
    }

    /// The next days to read when `found` rows of those `wanted` are there; `None` when that is enough, and at the end.
    pub(super) fn next(&mut self, found: usize, wanted: usize) -> Option<DayRange> {
        let missing = wanted.checked_sub(found).filter(|missing| *missing > 0)?;
        let rest = self.rest?;
        let rows = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        if self.seen > 0 {
            let widest = self.width.saturating_mul(GROWTH).min(self.most);
            self.width = match rows(found) {
                0 => widest,
                found => (rows(missing).saturating_mul(self.seen) / found).saturating_add(1).min(widest),
            };
        }
        let look =
            DayRange::new(rest.first(), rest.first().plus(self.width - 1).min(rest.last())).unwrap_or(rest);
        self.seen += look.len();
        self.rest = (look.last() < rest.last())
            .then(|| DayRange::new(look.last().plus(1), rest.last()).ok())
            .flatten();
        Some(look)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: &str, last: &str) -> DayRange {
        DayRange::new(first.parse().unwrap(), last.parse().unwrap()).unwrap()
    }

    /// The looks at a range that has so many rows on every day for which `rows` says so.
    fn looks(mut walk: DayScan, wanted: usize, rows: impl Fn(Day) -> usize) -> (Vec<DayRange>, usize) {
        let (mut looks, mut found) = (Vec::new(), 0);
        while let Some(look) = walk.next(found, wanted) {
            found += look.days().map(&rows).sum::<usize>();
            looks.push(look);
        }
        (looks, found)
    }

    #[test]
    fn page_reads_little_more_than_it_returns() {
        let month = range("2026-03-01", "2026-03-31");
        let (looked, found) = looks(DayScan::new(month, month.first(), 1, 7), 1001, |_| 288);
        assert_eq!(looked, [range("2026-03-01", "2026-03-01"), range("2026-03-02", "2026-03-04")]);
        assert_eq!(found, 4 * 288);
        let years = range("2016-01-01", "2025-12-31");
        let absent: Day = "2016-01-20".parse().unwrap();
        let (looked, _) =
            looks(DayScan::new(years, years.first(), 101, i64::MAX), 101, |day| usize::from(day != absent));
        assert_eq!(looked, [range("2016-01-01", "2016-04-10"), range("2016-04-11", "2016-04-12")]);
    }

    #[test]
    fn empty_years_are_scanned_in_few_steps() {
        let all = DayRange::new(Day::FIRST, Day::LAST).unwrap();
        let (looked, _) =
            looks(DayScan::new(all, Day::FIRST, 11, i64::MAX), 11, |day| usize::from(day == Day::LAST));
        assert_eq!(looked.len(), 8);
        assert_eq!(looked.iter().map(|look| look.len()).sum::<i64>(), all.len(), "each day once");
        assert!(looked.windows(2).all(|pair| pair[0].last() < pair[1].first()));
        let (looked, _) = looks(DayScan::new(all, Day::LAST.plus(-1), 1, i64::MAX), 11, |_| 1);
        assert_eq!(looked, [range("2199-12-30", "2199-12-30"), range("2199-12-31", "2199-12-31")]);
    }

    #[test]
    fn scan_that_starts_after_the_range_is_empty() {
        let day = range("2026-03-01", "2026-03-01");
        assert_eq!(DayScan::new(day, "2026-03-02".parse().unwrap(), 1, 7).next(0, 10), None);
        assert_eq!(DayScan::new(day, day.first(), 1, 7).next(10, 10), None);
    }
}
