-- How a rejected document came, as in document.origin: what Oura's responses no longer have ends what they brought.
alter table rejected add column origin text not null default 'api';
-- The day it claims; null where it does not state one. `myhealth rebuild` fills it for older rows.
alter table rejected add column day date;
-- The days of the response it came with: where `day` is null, a response about all of them that lacks it ends it.
alter table rejected add column answered_from date;
alter table rejected add column answered_to date;
-- When a document that lies in the future can be read again; null for every other.
alter table rejected add column not_before timestamptz;

create index rejected_until on rejected (person, collection, not_before) where not_before is not null;
create index rejected_by_day on rejected (person, collection, day);

-- Rows of an account export are kept with the file they stood in.
update rejected set origin = 'import' where body like '{"file":%';

-- The newest of them, tomorrow at most: one for tomorrow or later must not hide why today is missing.
alter table sync_state add column rejected_day date;
