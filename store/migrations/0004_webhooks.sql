-- Whose data an Oura user id stands for; learnt from personal_info. The one key that does not begin with the person:
-- it answers the question who that is.
create table oura_account (
    oura_user text not null primary key,
    person bigint not null references person (id)
);

create index oura_account_by_person on oura_account (person);

-- Documents that Oura has announced and nobody has fetched yet. One row a document, however often it is announced.
create table webhook_event (
    person bigint not null references person (id),
    collection text not null,
    id text not null,
    -- create, update or delete: what the newest announcement says.
    change text not null,
    -- When it happened, as the newest announcement says.
    event_at timestamptz not null,
    -- When the first announcement came.
    received_at timestamptz not null,
    -- One more with every announcement: what came while a fetch was running is not lost with it.
    generation bigint not null,
    -- Fetches begun since the newest announcement.
    attempts bigint not null,
    not_before timestamptz not null,
    -- Until then it is somebody's who is fetching it.
    claimed_until timestamptz,
    primary key (person, collection, id)
);

-- "What is due".
create index webhook_event_due on webhook_event (person, not_before);
create index webhook_event_next on webhook_event (not_before);
