-- Who did what, and who was refused. No health value, no secret; pseudonyms and addresses.
create table audit (
    at timestamptz not null,
    -- Words of closed sets.
    action text not null,
    outcome text not null,
    -- `account ann`, `token 3`, `operator` (the command line) or `anonymous`; null where it is unknown.
    principal text,
    -- The client's address, after trusted proxies.
    client text,
    -- The route of the API, or the command.
    route text,
    -- What it was done to.
    subject text
);

create index audit_by_time on audit (at);
