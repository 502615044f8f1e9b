//! Numbers as this store writes them, read from their bytes: a long range is millions of them.

/// Powers of ten that are doubles; dividing an exact whole number by one rounds once, and so correctly.
const TENS: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// Adds the elements of a JSON array of numbers and nulls to `into`. `None` if it is written in a way that is for a
/// real parser to judge; `into` then holds some of them.
pub(crate) fn parse_numbers(text: &str, into: &mut Vec<Option<f64>>) -> Option<()> {
    elements(text, |element| {
        into.push(if element == b"null" { None } else { Some(number(element)?) });
        Some(())
    })
}

/// The same for whole numbers without nulls.
pub(crate) fn parse_integers(text: &str, into: &mut Vec<i64>) -> Option<()> {
    elements(text, |element| {
        let (negative, digits) = sign(element);
        let whole = whole(digits).filter(|whole| plain(digits) && (*whole != 0 || !negative))?;
        into.push(if negative { -whole } else { whole });
        Some(())
    })
}

fn elements(text: &str, mut each: impl FnMut(&[u8]) -> Option<()>) -> Option<()> {
    let inside = text.as_bytes().strip_prefix(b"[")?.strip_suffix(b"]")?;
    if inside.is_empty() {
        return Some(());
    }
    inside.split(|byte| *byte == b',').try_for_each(&mut each)
}

/// A number of up to fifteen digits without an exponent, correctly rounded.
pub(crate) fn number(text: &[u8]) -> Option<f64> {
    let (negative, digits) = sign(text);
    let dot = digits.iter().position(|byte| *byte == b'.');
    let (before, after) = match dot {
        Some(dot) => (&digits[..dot], &digits[dot + 1..]),
        None => (digits, &[][..]),
    };
    if !plain(before) || (dot.is_some() && after.is_empty()) {
        return None;
    }
    if before.len() + after.len() > 15 {
        return None;
    }
    let scale = TENS.get(after.len())?;
    let all = after.iter().try_fold(whole(before)?, add)?;
    #[expect(clippy::cast_precision_loss, reason = "fifteen digits are less than 53 bits")]
    let value = all as f64 / scale;
    Some(if negative { -value } else { value })
}

fn sign(text: &[u8]) -> (bool, &[u8]) {
    text.strip_prefix(b"-").map_or((false, text), |digits| (true, digits))
}

/// JSON knows no `007`, and no number without digits.
fn plain(digits: &[u8]) -> bool {
    digits.len() == 1 || digits.first().is_some_and(|first| *first != b'0')
}

fn whole(digits: &[u8]) -> Option<i64> {
    if digits.len() > 18 { None } else { digits.iter().try_fold(0, add) }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "folds over bytes give references")]
fn add(sum: i64, digit: &u8) -> Option<i64> {
    let digit = digit.wrapping_sub(b'0');
    (digit < 10).then(|| sum * 10 + i64::from(digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        /// What it reads, the parser of JSON reads, to the bit; and what that refuses, it leaves alone.
        #[test]
        fn json_numbers_equal_those_of_serde_json(text in r"\[((-?[0-9]{1,20}(\.[0-9]{0,20})?([eE][0-9])?|null|)( ?,|)){0,4}\]?") {
            let mut read = Vec::new();
            if parse_numbers(&text, &mut read).is_some() {
                let parsed: Vec<Option<f64>> = serde_json::from_str(&text).unwrap();
                let bits = |values: &[Option<f64>]| values.iter().map(|value| value.map(f64::to_bits)).collect::<Vec<_>>();
                proptest::prop_assert_eq!(bits(&read), bits(&parsed), "{}", text);
            }
            let mut read = Vec::new();
            if parse_integers(&text, &mut read).is_some() {
                proptest::prop_assert_eq!(read, serde_json::from_str::<Vec<i64>>(&text).unwrap(), "{}", text);
            }
        }

        #[test]
        fn json_numbers_of_the_store_round_trip(values in proptest::collection::vec(proptest::option::of(-100_000_i32..100_000), 0..9), scale in 0..6) {
            let scale = 10_f64.powi(scale);
            let values: Vec<Option<f64>> = values.into_iter().map(|value| value.map(|value| f64::from(value) / scale)).collect();
            let mut read = Vec::new();
            proptest::prop_assert!(parse_numbers(&serde_json::to_string(&values).unwrap(), &mut read).is_some());
            proptest::prop_assert_eq!(read, values);
        }
    }
}
