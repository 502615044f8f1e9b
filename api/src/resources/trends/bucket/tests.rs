use proptest::prelude::*;

use super::*;

fn range(first: &str, last: &str) -> DayRange {
    DayRange::new(first.parse().unwrap(), last.parse().unwrap()).unwrap()
}

#[test]
fn the_first_and_last_bucket_end_where_the_range_does() {
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
    check(Bucket::Month, range("2199-12-30", "2199-12-31"), &[("2199-12-30", "2199-12-31")]);
    check(Bucket::Week, range("2199-12-31", "2199-12-31"), &[("2199-12-31", "2199-12-31")]);
}

#[test]
fn values_become_one() {
    let check = |aggregate: Aggregate, values: &[f64], expected: Option<f64>| {
        assert_eq!(aggregate.of(&mut values.to_vec()), expected, "{aggregate:?} of {values:?}");
    };
    for aggregate in [Aggregate::Average, Aggregate::Min, Aggregate::Max, Aggregate::Median] {
        check(aggregate, &[], None);
        check(aggregate, &[-0.4], Some(-0.4));
    }
    check(Aggregate::Average, &[82.0, 83.0], Some(82.5));
    check(Aggregate::Min, &[3.0, -1.0, 2.0], Some(-1.0));
    check(Aggregate::Max, &[3.0, -1.0, 2.0], Some(3.0));
    check(Aggregate::Median, &[9.0, 1.0, 5.0], Some(5.0));
    check(Aggregate::Median, &[9.0, 1.0, 5.0, 6.0], Some(5.5));
}

#[test]
fn an_empty_bucket_is_empty() {
    let days = [range("2026-03-01", "2026-03-01"), range("2026-03-02", "2026-03-02")];
    let values = [("2026-03-02".parse().unwrap(), 80.0), ("2026-03-02".parse().unwrap(), 90.0)];
    assert_eq!(
        Aggregate::Average.over(&days, &values),
        [
            Summary { days: days[0], value: None, count: 0 },
            Summary { days: days[1], value: Some(85.0), count: 2 },
        ]
    );
}

fn ranges() -> impl Strategy<Value = DayRange> {
    (0..73_049_i64, 0..1500_i64).prop_map(|(offset, length)| {
        let first = Day::FIRST.plus(offset);
        DayRange::new(first, first.plus(length)).unwrap()
    })
}

fn buckets() -> impl Strategy<Value = Bucket> {
    prop_oneof![Just(Bucket::Day), Just(Bucket::Week), Just(Bucket::Month)]
}

/// Up to two values a day on some days of a range, in order of day.
fn measured() -> impl Strategy<Value = (DayRange, Vec<(Day, f64)>)> {
    ranges().prop_flat_map(|range| {
        let value = (0..range.len(), -1e6..1e6_f64);
        proptest::collection::vec(value, 0..200).prop_map(move |mut values| {
            values.sort_by_key(|(offset, _)| *offset);
            (range, values.into_iter().map(|(offset, value)| (range.first().plus(offset), value)).collect())
        })
    })
}

fn close(left: f64, right: f64) -> bool {
    (left - right).abs() <= 1e-9 * (1.0 + left.abs().max(right.abs())) * 1e3
}

proptest! {
    #[test]
    fn every_day_falls_in_exactly_one_bucket(range in ranges(), bucket in buckets()) {
        let cut: Vec<DayRange> = bucket.cut(range).collect();
        let days: Vec<Day> = cut.iter().flat_map(|bucket| bucket.days()).collect();
        prop_assert!(days.iter().copied().eq(range.days()));
        prop_assert!(cut.iter().all(|each| each.len() <= i64::try_from(bucket.most_days()).unwrap()));
    }

    #[test]
    fn inner_buckets_are_whole(range in ranges()) {
        for week in Bucket::Week.cut(range).skip(1) {
            prop_assert_eq!(week.first().date().weekday(), jiff::civil::Weekday::Monday);
        }
        for month in Bucket::Month.cut(range).skip(1) {
            prop_assert_eq!(month.first().date().day(), 1);
        }
    }

    #[test]
    fn the_middle_lies_in_the_middle((range, values) in measured(), bucket in buckets()) {
        let cut: Vec<DayRange> = bucket.cut(range).collect();
        let of = |aggregate: Aggregate| aggregate.over(&cut, &values);
        let (min, median, average, max) =
            (of(Aggregate::Min), of(Aggregate::Median), of(Aggregate::Average), of(Aggregate::Max));
        for i in 0..cut.len() {
            prop_assert_eq!(min[i].value.is_none(), min[i].count == 0);
            let Some((((low, mid), mean), high)) =
                min[i].value.zip(median[i].value).zip(average[i].value).zip(max[i].value) else { continue };
            prop_assert!(low <= mid && mid <= high);
            prop_assert!((low <= mean || close(low, mean)) && (mean <= high || close(mean, high)));
        }
    }

    #[test]
    fn averages_weigh_up_to_the_average((range, values) in measured(), bucket in buckets()) {
        let cut: Vec<DayRange> = bucket.cut(range).collect();
        let parts = Aggregate::Average.over(&cut, &values);
        let whole = Aggregate::Average.over(&[range], &values)[0];
        prop_assert_eq!(parts.iter().map(|part| part.count).sum::<usize>(), whole.count);
        #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
        let sum: f64 = parts.iter().filter_map(|part| Some(part.value? * part.count as f64)).sum();
        #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
        let count = whole.count as f64;
        prop_assert!(whole.value.is_none_or(|average| close(sum / count, average)));
    }
}
