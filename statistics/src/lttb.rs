//! Fewer points that look the same.

use crate::count;

/// Which of these points to keep so that at most `most` draw nearly the same line: largest triangle three buckets
/// (Steinarsson 2013). The first and the last always stay; fewer than three kept points are the ends alone.
/// `x` rises.
pub fn largest_triangles(points: &[(f64, f64)], most: usize) -> Vec<usize> {
    let all = points.len();
    if all <= most {
        return (0..all).collect();
    }
    if most < 3 {
        return [0, all - 1].into_iter().take(most).collect();
    }
    let inner = most - 2;
    // Between the ends, `inner` buckets as even as whole points allow.
    let edge = |bucket: usize| 1 + bucket * (all - 2) / inner;
    let mut kept = Vec::with_capacity(most);
    kept.push(0);
    for bucket in 0..inner {
        let next = if bucket + 1 < inner { edge(bucket + 1)..edge(bucket + 2) } else { all - 1..all };
        let many = count(next.len());
        let centre = points[next].iter().fold((0.0, 0.0), |sum, (x, y)| (sum.0 + x / many, sum.1 + y / many));
        let last = points[kept[bucket]];
        let area = |at: usize| {
            let (x, y) = points[at];
            ((last.0 - centre.0) * (y - last.1) - (last.0 - x) * (centre.1 - last.1)).abs()
        };
        let here = edge(bucket)..edge(bucket + 1);
        let largest = here.clone().max_by(|a, b| area(*a).total_cmp(&area(*b)).then(b.cmp(a)));
        kept.push(largest.unwrap_or(here.start));
    }
    kept.push(all - 1);
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lttb_keeps_ends_and_order(
            values in prop::collection::vec(-1e6..1e6_f64, 0..300), most in 0..50_usize,
        ) {
            let points: Vec<(f64, f64)> = values.iter().enumerate().map(|(i, y)| (count(i), *y)).collect();
            let kept = largest_triangles(&points, most);
            prop_assert_eq!(kept.len(), most.min(points.len()));
            prop_assert!(kept.is_sorted_by(|a, b| a < b));
            if most >= 2 && !points.is_empty() {
                prop_assert_eq!((kept[0], kept[kept.len() - 1]), (0, points.len() - 1));
            }
        }
    }

    #[test]
    fn lttb_keeps_the_peak() {
        let points: Vec<(f64, f64)> =
            (0..100).map(|i| (f64::from(i), if i == 41 { 9.0 } else { 0.0 })).collect();
        assert!(largest_triangles(&points, 10).contains(&41));
    }
}
