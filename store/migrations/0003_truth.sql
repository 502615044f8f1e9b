-- How a document came: api, webhook, import or push. Only what Oura's API has said once can be missing from its answers;
-- an account export also holds what the API never returns.
alter table document add column origin text not null default 'api';

-- Since when Oura's answers lack a document in a way that is not believed at once; null for all but a few.
alter table document add column missing_since timestamptz;
create index document_doubted on document (person, collection) where missing_since is not null;

-- When a reading last brought a document that had to be put aside.
alter table sync_state add column rejected_at timestamptz;

-- Fields and words of Oura's that this version does not know: names, never values.
create table drift (
    person bigint not null references person (id),
    collection text not null,
    -- A JSON pointer, list positions written as *.
    pointer text not null,
    -- The unknown word of a closed set; empty for an unknown field.
    word text not null,
    first_seen_at timestamptz not null,
    last_seen_at timestamptz not null,
    -- Documents that had it, a document that came anew counting again.
    documents bigint not null,
    primary key (person, collection, pointer, word)
) /*sqlite: without rowid :sqlite*/;
