use proptest::prelude::*;

use super::*;

fn range(first: &str, last: &str) -> DayRange {
    DayRange::new(first.parse().unwrap(), last.parse().unwrap()).unwrap()
}

#[test]
fn buckets_at_the_edges_end_with_the_range() {
    let check = |bucket: Bucket, whole: DayRange, expected: &[(&str, &str)]| {
        let cut: Vec<_> = bucket.cut(whole).collect();
        let expected: Vec<_> = expected.iter().map(|(first, last)| range(first, last)).collect();
        assert_eq!(cut, expected, "{bucket:?}");
    };
    // Thursday to Tuesday, over a new year whose first days belong to week 53 of the old one.
    let new_year = range("2026-12-31", "2027-01-05");
    check(Bucket::Week, new_year, &[("2026-12-31", "2027-01-03"), ("2027-01-04", "2027-01-05")]);
    check(Bucket::Month, new_year, &[("2026-12-31", "2026-12-31"), ("2027-01-01", "2027-01-05")]);
    check(
        Bucket::Day,
        range("2028-02-28", "2028-03-01"),
        &[("2028-02-28", "2028-02-28"), ("2028-02-29", "2028-02-29"), ("2028-03-01", "2028-03-01")],
    );
    check(Bucket::Quarter, new_year, &[("2026-12-31", "2026-12-31"), ("2027-01-01", "2027-01-05")]);
    check(
        Bucket::Quarter,
        range("2026-05-31", "2026-07-01"),
        &[("2026-05-31", "2026-06-30"), ("2026-07-01", "2026-07-01")],
    );
    check(Bucket::Year, range("2199-06-01", "2199-12-31"), &[("2199-06-01", "2199-12-31")]);
    check(Bucket::Month, range("2199-12-30", "2199-12-31"), &[("2199-12-30", "2199-12-31")]);
    check(Bucket::Week, range("2199-12-31", "2199-12-31"), &[("2199-12-31", "2199-12-31")]);
}

fn ranges() -> impl Strategy<Value = DayRange> {
    (0..73_049_i64, 0..1500_i64).prop_map(|(offset, length)| {
        let first = Day::FIRST.plus(offset);
        DayRange::new(first, first.plus(length)).unwrap()
    })
}

fn buckets() -> impl Strategy<Value = Bucket> {
    prop::sample::select(vec![Bucket::Day, Bucket::Week, Bucket::Month, Bucket::Quarter, Bucket::Year])
}

proptest! {
    #[test]
    fn buckets_partition_the_range(range in ranges(), bucket in buckets()) {
        let cut: Vec<DayRange> = bucket.cut(range).collect();
        let days: Vec<Day> = cut.iter().flat_map(|bucket| bucket.days()).collect();
        prop_assert!(days.iter().copied().eq(range.days()));
    }

    #[test]
    fn buckets_inside_the_range_are_whole(range in ranges()) {
        for week in Bucket::Week.cut(range).skip(1) {
            prop_assert_eq!(week.first().date().weekday(), jiff::civil::Weekday::Monday);
        }
        for month in Bucket::Month.cut(range).skip(1) {
            prop_assert_eq!(month.first().date().day(), 1);
        }
        for quarter in Bucket::Quarter.cut(range).skip(1) {
            let date = quarter.first().date();
            prop_assert!(date.day() == 1 && [1, 4, 7, 10].contains(&date.month()));
        }
        for year in Bucket::Year.cut(range).skip(1) {
            prop_assert_eq!(year.first().date().day_of_year(), 1);
        }
    }

    #[test]
    fn buckets_other_than_first_and_last_are_not_cut(range in ranges(), bucket in buckets()) {
        let cut: Vec<DayRange> = bucket.cut(range).collect();
        for inner in cut.iter().skip(1).rev().skip(1) {
            prop_assert!(bucket.is_whole(*inner));
        }
    }
}
