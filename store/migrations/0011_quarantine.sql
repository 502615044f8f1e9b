-- How a rejected document came, as in document.origin: what Oura's answers no longer have ends what they brought.
alter table rejected add column origin text not null default 'api';
-- The day it claims, or the last day of the answer it came with: an answer for this day that lacks it ends it.
alter table rejected add column day date;
-- When a document that lies in the future can be read again; null for every other.
alter table rejected add column not_before timestamptz;

create index rejected_until on rejected (person, collection, not_before) where not_before is not null;

-- Rows of an account export are kept with the file they stood in.
update rejected set origin = 'import' where body like '{"file":%';
