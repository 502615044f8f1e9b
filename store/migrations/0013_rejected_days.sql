-- The day a rejected document speaks of; null where it does not say one. `myhealth rebuild` fills it for older rows.
alter table rejected add column day date;
create index rejected_by_day on rejected (person, collection, day);

-- The newest of them, tomorrow at most: one for tomorrow or later must not hide why today is missing.
alter table sync_state add column rejected_day date;
