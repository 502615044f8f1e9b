-- When a person's ring is to be read next; null: at once. Who reads it now is a lease.
alter table person add column due_at timestamptz;

create index person_by_due on person (due_at);

-- The number given last. Numbers are never given twice: what still runs for somebody who was removed must not become
-- somebody else's.
create table person_number (
    last bigint not null
);

insert into person_number (last) select coalesce(max(id), 0) from person;
