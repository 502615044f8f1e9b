//! The columns of the exposition, made once from the catalogue: what each line contains in addition to person and value.
//!
//! A family's samples must stand together, so the text is ordered by family; within it by collection, so that a scrape
//! can ask for some collections only. Family and collection are a column.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use domain::{Collection, METRICS, Metric, Source};
use exposition::Schema;
use service_metrics::table::RING_INFO;

use crate::freshness::{self, FRESHNESS};

/// The one table; the catalogue is constant.
pub(crate) static TABLE: LazyLock<Table> = LazyLock::new(Table::new);

/// Every column with everything that is the same for all persons.
#[derive(Debug)]
pub(crate) struct Table {
    /// HELP and TYPE of each family.
    heads: Vec<Bytes>,
    /// In the order of the text.
    pub(crate) columns: Vec<Column>,
    /// The first column of freshness lines. From here on there is one for each
    /// collection, family after family.
    pub(crate) fresh: usize,
    rows: Vec<Row>,
    /// In the order of their keys.
    by_key: Vec<(&'static str, u16)>,
}

/// One family's lines of one collection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    /// Index in [`Table::heads`].
    pub(crate) family: usize,
    pub(crate) collection: Collection,
}

/// What the lines of one metric contain in addition to person and value.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) metric: &'static Metric,
    pub(crate) column: usize,
    /// Up to the person's name.
    pub(crate) before: String,
    /// From the person's name to the value: one for a number, one per word for a state.
    pub(crate) after: Vec<String>,
}

impl Table {
    fn new() -> Self {
        let mut table =
            Self { heads: Vec::new(), columns: Vec::new(), fresh: 0, rows: Vec::new(), by_key: Vec::new() };
        let mut open = "";
        for metric in METRICS.iter().filter(|metric| metric.has_current_value()) {
            let name = metric.name();
            if open != metric.family() {
                open = metric.family();
                table.heads.push(head(&name, &metric.help_text()));
            }
            let column = table.column(metric.collection);
            let row = Row { metric, column, before: before(&name), after: after(metric) };
            let index = u16::try_from(table.rows.len()).expect("BUG: the catalogue has thousands of rows");
            table.by_key.push((metric.key, index));
            table.rows.push(row);
        }
        table.by_key.sort_unstable();
        table.fresh = table.columns.len();
        for freshness in FRESHNESS {
            table.heads.push(head(freshness.metric.name, &sentence(freshness.metric.help)));
            for &collection in Collection::ALL {
                table.column(collection);
            }
        }
        table.heads.push(head(RING_INFO.name(), &sentence(RING_INFO.help())));
        // The last column of all.
        table.column(Collection::RingConfiguration);
        table
    }

    /// The column of the newest family for this collection. Rows of a family are neighbours, those of one collection
    /// in it too.
    fn column(&mut self, collection: Collection) -> usize {
        let family = self.heads.len() - 1;
        if !self.columns.last().is_some_and(|last| last.family == family && last.collection == collection) {
            self.columns.push(Column { family, collection });
        }
        self.columns.len() - 1
    }

    /// What the text is made of.
    pub(crate) fn schema(&self) -> Arc<Schema> {
        let families = self.columns.iter().map(|column| column.family).collect();
        Arc::new(Schema { heads: self.heads.clone(), families })
    }

    /// Finds rows.
    pub(crate) fn search(&self) -> Search<'_> {
        Search { by_key: &self.by_key, next: 0 }
    }

    /// How many rows there are.
    pub(crate) fn rows(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn row(&self, index: u16) -> &Row {
        &self.rows[usize::from(index)]
    }
}

/// The database returns values in the order of their keys, so the next row is mostly the next one here.
pub(crate) struct Search<'a> {
    by_key: &'a [(&'static str, u16)],
    next: usize,
}

impl Search<'_> {
    /// The row of a metric that has a "now".
    pub(crate) fn find(&mut self, metric: &Metric) -> Option<u16> {
        let guess = self.by_key.get(self.next).filter(|(key, _)| *key == metric.key);
        if guess.is_none() {
            self.next = self.by_key.binary_search_by_key(&metric.key, |(key, _)| key).ok()?;
        }
        self.next += 1;
        self.by_key.get(self.next - 1).map(|(_, row)| *row)
    }
}

fn head(name: &str, help: &str) -> Bytes {
    format!("# HELP {name} {help}\n# TYPE {name} gauge\n").into()
}

/// Help as it is written.
fn sentence(help: &str) -> String {
    format!("{help}.")
}

/// A line up to the person's name. Label values are pseudonyms, names of collections and words of the catalogue:
/// nothing that needs escaping, by their types and by the catalogue's laws.
pub(crate) fn before(name: &str) -> String {
    format!("{name}{{person=\"")
}

fn after(metric: &Metric) -> Vec<String> {
    match metric.source {
        Source::State(_, _, states) => {
            states.iter().map(|state| format!("\",{}=\"{state}\"}} ", Metric::STATE_LABEL)).collect()
        }
        _ => match metric.label {
            Some(label) => vec![format!("\",{}=\"{}\"}} ", label.name, label.value)],
            None => vec!["\"} ".to_owned()],
        },
    }
}

/// The same for the lines of freshness, ready to be written.
pub(crate) static FRESH_LINES: LazyLock<Vec<Vec<(String, String)>>> = LazyLock::new(|| {
    let lines = |freshness: &freshness::Freshness| {
        let ending = if freshness.label.is_some() { "\"," } else { "\"} " };
        let line = |collection: &Collection| {
            let word = freshness.label.map_or(String::new(), |label| format!("{label}=\""));
            (before(freshness.metric.name), format!("\",collection=\"{}{ending}{word}", collection.name()))
        };
        Collection::ALL.iter().map(line).collect()
    };
    FRESHNESS.iter().map(lines).collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples of a family stand together only if its columns do.
    #[test]
    fn columns_are_ordered_by_family() {
        assert!(TABLE.columns.is_sorted_by_key(|column| column.family));
        assert!(TABLE.rows.is_sorted_by_key(|row| row.column));
        assert_eq!(TABLE.columns.last().map(|column| column.family), Some(TABLE.heads.len() - 1));
    }

    #[test]
    fn freshness_columns_are_at_their_index() {
        for (which, _) in FRESHNESS.iter().enumerate() {
            for (i, collection) in Collection::ALL.iter().enumerate() {
                let column = TABLE.columns[TABLE.fresh + which * Collection::ALL.len() + i];
                assert_eq!(column.collection, *collection);
                assert_eq!(column.family, TABLE.heads.len() - 1 - FRESHNESS.len() + which);
            }
        }
    }
}
