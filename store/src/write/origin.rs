//! How documents come.

/// Where a document was last seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In a list of Oura's API.
    Api,
    /// Fetched from Oura's API one by one, after a webhook.
    Webhook,
    /// In an account export, which may be older than what is stored: it only adds documents that are not stored, and
    /// replaces one that it repeats in full and adds to.
    Import,
    /// Sent to us by another program.
    Push,
}

impl Origin {
    /// Every way.
    pub(crate) const ALL: [Self; 4] = [Self::Api, Self::Webhook, Self::Import, Self::Push];

    /// The word in the database.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Webhook => "webhook",
            Self::Import => "import",
            Self::Push => "push",
        }
    }

    /// Whether it came from Oura's API, so that a complete response without it means something.
    pub(crate) const fn is_oura(self) -> bool {
        matches!(self, Self::Api | Self::Webhook)
    }

    /// Whether it may be older than what is stored.
    pub(crate) const fn is_archive(self) -> bool {
        matches!(self, Self::Import)
    }

    /// The origin of a word in the database; one of a newer version is taken for an archive, which replaces nothing.
    pub(crate) fn of_name(word: &str) -> Self {
        Self::ALL.into_iter().find(|origin| origin.name() == word).unwrap_or(Self::Import)
    }
}
