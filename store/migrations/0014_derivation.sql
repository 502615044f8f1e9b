-- Which rules the numbers of a collection were derived by: a fingerprint of catalogue and rules; 0 where several or unknown
-- ones were at work. A row for each collection that has anything to derive from.
create table derivation (
    person bigint not null references person (id),
    collection text not null,
    rules bigint not null,
    -- Deriving again has begun: by which rules, and the newest day that is still to do.
    target bigint,
    next_day date,
    primary key (person, collection)
);

-- "Whose numbers were not derived by these rules".
create index derivation_by_rules on derivation (collection, rules);

insert into derivation (person, collection, rules)
select person, collection, 0 from
    (select person, collection from document union select person, collection from rejected) as known;
