-- What only one process may do at a time, and until when it may. `person` is 0 for what concerns the whole
-- installation. Times here are whole seconds, so that they compare as text too.
create table lease (
    person bigint not null,
    purpose text not null,
    -- A name drawn at random by each process.
    holder text not null,
    expires_at timestamptz not null,
    primary key (person, purpose)
);

-- A person's log-in at Oura. The refresh token works once, so every pair of tokens has a number, and a pair is replaced
-- only by whoever saw its number.
create table credential (
    person bigint not null primary key references person (id),
    -- Grows with every pair, and when the log-in is forgotten: a process that comes late always loses.
    generation bigint not null,
    -- The pair as sealed by `ingest`, which alone has the key; null after log-out.
    sealed text,
    -- What the person ticked: Oura's names without prefix, in order, with spaces between.
    scopes text not null,
    -- The token address that issued the pair; an application works with the one it was registered at.
    token_url text not null,
    logged_in_at timestamptz not null,
    -- Life of the access token.
    obtained_at timestamptz not null,
    expires_at timestamptz not null,
    -- When the refresh token was sent, as long as nobody knows what became of it.
    attempted_at timestamptz,
    -- Kind of the last failure (a word of a closed set); null after a success.
    failure text,
    failed_at timestamptz
);
