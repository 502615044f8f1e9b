//! What became of an export, file by file.

use std::collections::BTreeMap;

use domain::Collection;
use store::Applied;

/// What became of every file of an export, in order of name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// One entry a file.
    pub files: Vec<FileReport>,
}

/// What became of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileReport {
    /// Its name, without control characters.
    pub name: String,
    /// What it holds.
    pub collection: Option<Collection>,
    /// Rows read, broken ones included; in a file that is not kept, its lines below the header.
    pub rows: u64,
    /// What the store did with its documents: new; added to (`changed`); known already, or better (`unchanged`).
    pub documents: Applied,
    /// Rows that could not be used, by reason.
    pub rejected: BTreeMap<String, u64>,
    /// Rows among them beyond the number that is kept.
    pub rejected_not_kept: u64,
    /// Columns that no version of the API has; their cells ride along in the documents as text.
    pub unknown_columns: Vec<String>,
    /// Why it was not read for documents.
    pub skipped: Option<Skipped>,
    /// Where reading it ended early, and why. What came before is stored.
    pub damaged: Option<String>,
}

/// Why a file was left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skipped {
    /// Where the wearer was. Nothing here stores places, so it is not even opened.
    Location,
    /// Outside of `App Data`: billing, or what another program put there.
    Elsewhere,
    /// No table.
    NoCsv,
    /// A table that nothing here keeps yet.
    NotKept,
}

impl Report {
    /// Whether every table was read to its end.
    pub fn is_complete(&self) -> bool {
        self.files.iter().all(|file| file.damaged.is_none())
    }

    /// Everything of all files.
    pub fn documents(&self) -> Applied {
        let mut sum = Applied::default();
        for file in &self.files {
            sum += file.documents;
        }
        sum
    }

    /// Rows read that could have become documents.
    pub fn rows(&self) -> u64 {
        self.files.iter().filter(|file| file.skipped.is_none()).map(|file| file.rows).sum()
    }

    /// Rows that could not be used, and of which only the number is kept.
    pub fn rejected_not_kept(&self) -> u64 {
        self.files.iter().map(|file| file.rejected_not_kept).sum()
    }

    /// Rows that could not be used.
    pub fn rejected(&self) -> u64 {
        self.files.iter().flat_map(|file| file.rejected.values()).sum()
    }
}

impl std::fmt::Display for Skipped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Location => "not opened: where you were is not stored",
            Self::Elsewhere => "not opened: not part of App Data",
            Self::NoCsv => "not opened: no CSV file",
            Self::NotKept => "not kept yet",
        })
    }
}
