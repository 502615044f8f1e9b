//! Just enough of PromQL to know what an expression is about: which series it selects by which matchers, and by which
//! labels it groups and joins. Whether it is PromQL at all, Prometheus's own parser says (`lint`).

/// Metric names with their matchers' labels, and every other label that is named.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct About {
    /// The metric's name, and the labels its matchers name with their values: `(label, value)`.
    pub(crate) selectors: Vec<(String, Vec<(String, String)>)>,
    /// Labels of `by`, `without`, `on`, `ignoring`, `group_left`, `group_right`.
    pub(crate) labels: Vec<String>,
    /// Labels that `label_replace`, `label_join` and `count_values` make.
    pub(crate) made: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Sign(char),
}

/// Functions whose first text, next to their other arguments, is a label that they make.
const MAKERS: [&str; 3] = ["label_replace", "label_join", "count_values"];
/// What may stand before a list of labels.
const LISTS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
/// Words that are no metric.
const WORDS: [&str; 8] = ["and", "or", "unless", "bool", "offset", "inf", "nan", "atan2"];

/// Reads an expression.
pub(crate) fn about(expr: &str) -> About {
    let tokens = tokens(expr);
    let mut about = About::default();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        at += 1;
        let Token::Word(word) = token else {
            // A range or an offset is no metric: `[5m]`.
            if *token == Token::Sign('[') {
                at = after(&tokens, at, ']');
            }
            continue;
        };
        let next = tokens.get(at);
        if MAKERS.contains(&word.as_str()) {
            about.made.extend(first_text(&tokens[at..]));
        }
        if LISTS.contains(&word.as_str()) && next == Some(&Token::Sign('(')) {
            let end = after(&tokens, at, ')');
            about.labels.extend(tokens[at..end].iter().filter_map(|token| match token {
                Token::Word(word) => Some(word.clone()),
                _ => None,
            }));
            at = end;
        } else if WORDS.contains(&word.to_ascii_lowercase().as_str())
            || next == Some(&Token::Sign('('))
            || (LISTS.contains(&word.as_str()))
            || word.starts_with(|first: char| first.is_ascii_digit())
            || is_call(&tokens, at)
        {
            // A keyword, a function, an aggregation, a number or a duration.
        } else if next == Some(&Token::Sign('{')) {
            let end = after(&tokens, at, '}');
            about.selectors.push((word.clone(), matchers(&tokens[at + 1..end - 1])));
            at = end;
        } else {
            about.selectors.push((word.clone(), Vec::new()));
        }
    }
    about
}

/// The first text among a call's own arguments, not inside of another call or selector. `tokens` begin at the call's
/// parenthesis or its grouping.
fn first_text(tokens: &[Token]) -> Option<String> {
    let mut depth = 0_u32;
    for token in tokens {
        match token {
            Token::Sign('(' | '{' | '[') => depth += 1,
            Token::Sign(')' | '}' | ']') => depth = depth.saturating_sub(1),
            Token::Text(text) if depth == 1 => return Some(text.clone()),
            _ => {}
        }
    }
    None
}

/// `sum by (a) (…)`: the word is an aggregation when its grouping follows.
fn is_call(tokens: &[Token], at: usize) -> bool {
    matches!(tokens.get(at), Some(Token::Word(word)) if word == "by" || word == "without")
}

/// The place after the next `close`.
fn after(tokens: &[Token], from: usize, close: char) -> usize {
    let rest = tokens[from..].iter().position(|token| *token == Token::Sign(close));
    rest.map_or(tokens.len(), |found| from + found + 1)
}

fn matchers(tokens: &[Token]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut label = None;
    for token in tokens {
        match (token, label.take()) {
            (Token::Word(word), _) => label = Some(word.clone()),
            (Token::Text(text), Some(label)) => found.push((label, text.clone())),
            (Token::Sign('=' | '~' | '!'), name) => label = name,
            _ => {}
        }
    }
    found
}

fn tokens(expr: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = expr.chars().peekable();
    while let Some(next) = rest.next() {
        if next == '"' {
            let mut text = String::new();
            while let Some(inside) = rest.next() {
                match inside {
                    '"' => break,
                    '\\' => text.extend(rest.next()),
                    _ => text.push(inside),
                }
            }
            tokens.push(Token::Text(text));
        } else if next.is_ascii_alphanumeric() || matches!(next, '_' | ':' | '$') {
            let mut word = String::from(next);
            while let Some(inside) =
                rest.next_if(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '.'))
            {
                word.push(inside);
            }
            tokens.push(Token::Word(word));
        } else if !next.is_whitespace() {
            tokens.push(Token::Sign(next));
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expr: &str, selectors: &[(&str, &[&str])], labels: &[&str]) {
        let found = about(expr);
        let named: Vec<(&str, Vec<&str>)> = found
            .selectors
            .iter()
            .map(|(name, matchers)| {
                (name.as_str(), matchers.iter().map(|(label, _)| label.as_str()).collect())
            })
            .collect();
        let wanted: Vec<_> = selectors.iter().map(|(name, labels)| (*name, labels.to_vec())).collect();
        assert_eq!(named, wanted, "{expr}");
        assert_eq!(found.labels, labels, "{expr}");
    }

    #[test]
    fn promql_selectors_and_labels_are_found() {
        check("up", &[("up", &[])], &[]);
        check(
            "max by (person, stage) (a_b{x=\"1\",y=~\"a|b}\"}[28d] offset 1d) > bool 1e3",
            &[("a_b", &["x", "y"])],
            &["person", "stage"],
        );
        check(
            "sum(rate(a[$__range:1d])) by (le) / on (job) group_left (x) b:c:d",
            &[("a", &[]), ("b:c:d", &[])],
            &["le", "job", "x"],
        );
        check(
            "histogram_quantile(0.95, sum by (le) (rate(a_bucket{b!=\"c\"}[5m])))",
            &[("a_bucket", &["b"])],
            &["le"],
        );
        check("(a and on () month() == 3) or vector(0) - Inf * 1.5", &[("a", &[])], &[]);
    }

    #[test]
    fn promql_made_labels_are_found() {
        let made = |expr: &str| about(expr).made;
        assert_eq!(made(r#"label_replace(a{b="c"} or d, "new", "$1", "b", "(.*)")"#), ["new"]);
        assert_eq!(
            made(r#"label_join(count_values by (x) ("one", a), "two", " ", "one", "x")"#),
            ["two", "one"]
        );
    }

    #[test]
    fn promql_matcher_values_are_kept() {
        let found = about(r#"a{state="used",kind=~"x|\"y"}"#);
        assert_eq!(
            found.selectors[0].1,
            [("state".to_owned(), "used".to_owned()), ("kind".to_owned(), "x|\"y".to_owned())]
        );
    }
}
