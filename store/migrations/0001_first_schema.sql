-- One text for both databases. What only SQLite understands stands in /*sqlite: … :sqlite*/, which PostgreSQL reads as
-- a comment. `person` leads every key, so that the schema can be sharded by person. Times are UTC.

create table person (
    id bigint not null primary key,
    -- A pseudonym; never an e-mail or an Oura id, because it becomes a label.
    name text not null unique,
    -- IANA name; decides which day is "today".
    time_zone text not null,
    created_at timestamptz not null
);

-- Every document for ever, as Oura sent it. A time series has one row per UTC day, its id being the day.
create table document (
    person bigint not null references person (id),
    collection text not null,
    id text not null,
    day date not null,
    body text not null,
    -- First 8 bytes of the body's SHA-256: tells "the same again" without reading the body.
    fingerprint bigint not null,
    -- 1 when first seen, one more with every change.
    revision bigint not null,
    first_seen_at timestamptz not null,
    changed_at timestamptz not null,
    primary key (person, collection, id)
);

-- "Which documents does this day have" and "which day is the newest".
create index document_by_day on document (person, collection, day);

-- Superseded bodies: Oura edits past days under the same id.
create table document_revision (
    person bigint not null,
    collection text not null,
    id text not null,
    revision bigint not null,
    day date not null,
    body text not null,
    changed_at timestamptz not null,
    replaced_at timestamptz not null,
    primary key (person, collection, id, revision)
) /*sqlite: without rowid :sqlite*/;

-- What would not parse: kept with its body, counted and listed.
create table rejected (
    person bigint not null references person (id),
    collection text not null,
    id text not null,
    reason text not null,
    body text not null,
    first_seen_at timestamptz not null,
    last_seen_at timestamptz not null,
    primary key (person, collection, id)
);

-- daily, series and latest are derived from document and can be rebuilt from it.

-- One number per person, metric and day, in the metric's base unit; a state is its index. No row: nobody knows.
create table daily (
    person bigint not null,
    metric text not null,
    day date not null,
    value double precision not null,
    primary key (person, metric, day)
) /*sqlite: without rowid :sqlite*/;

-- Points within a day: one row per metric and document, filed under the document's day. Points are evenly spaced
-- (step_ms) or have their own offsets (offsets_ms, a JSON array); points is a JSON array of numbers and nulls.
create table series (
    person bigint not null,
    metric text not null,
    day date not null,
    start_at timestamptz not null,
    step_ms bigint,
    offsets_ms text,
    points text not null,
    primary key (person, metric, day, start_at)
) /*sqlite: without rowid :sqlite*/;

-- The newest value of each metric: all that a scrape reads. A null value is an absence that has been observed.
create table latest (
    person bigint not null,
    metric text not null,
    day date not null,
    observed_at timestamptz not null,
    value double precision,
    updated_at timestamptz not null,
    primary key (person, metric)
);

-- "Did anything change" without reading the table.
create index latest_by_update on latest (updated_at);

-- How far each collection has been read, and how the last attempt went.
create table sync_state (
    person bigint not null references person (id),
    collection text not null,
    -- The unbroken range of days that has been read; both null before the first success.
    first_day date,
    last_day date,
    -- The newest day that has a document.
    newest_day date,
    last_attempt_at timestamptz,
    last_success_at timestamptz,
    -- Kind of the last failure (a word of a closed set); null after a success.
    failure text,
    primary key (person, collection)
);
