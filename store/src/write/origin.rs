//! How a document came to be known.

/// Where a document was last seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In a list of Oura's API.
    Api,
    /// Fetched from Oura's API one by one, after a webhook.
    Webhook,
    /// In an account export, which may be older than what is stored: it only fills what is missing, which is a document
    /// nobody has, or one that it repeats in full and adds to.
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

    /// Whether Oura's API has said it, so that an answer without it means something.
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

    /// Whether a word in the database is one of those.
    pub(crate) fn names_oura(word: &str) -> bool {
        [Self::Api, Self::Webhook].iter().any(|origin| origin.name() == word)
    }
}
