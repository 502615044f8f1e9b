-- SQLite compares times as texts. From here on all have six digits behind the second, so that the order of the texts is
-- the order of time; these are the columns that statements compare or sort by.
/*sqlite:
update lease set expires_at = substr(rtrim(expires_at, 'Z') || case when instr(expires_at, '.') = 0 then '.' else '' end || '000000', 1, 26) || 'Z';
update person set due_at = substr(rtrim(due_at, 'Z') || case when instr(due_at, '.') = 0 then '.' else '' end || '000000', 1, 26) || 'Z' where due_at is not null;
update webhook_event set
    received_at = substr(rtrim(received_at, 'Z') || case when instr(received_at, '.') = 0 then '.' else '' end || '000000', 1, 26) || 'Z',
    not_before = substr(rtrim(not_before, 'Z') || case when instr(not_before, '.') = 0 then '.' else '' end || '000000', 1, 26) || 'Z',
    claimed_until = null;
update job set
    created_at = substr(rtrim(created_at, 'Z') || case when instr(created_at, '.') = 0 then '.' else '' end || '000000', 1, 26) || 'Z',
    finished_at = substr(rtrim(finished_at, 'Z') || case when instr(finished_at, '.') = 0 then '.' else '' end || '000000', 1, 26) || 'Z',
    not_before = substr(rtrim(not_before, 'Z') || case when instr(not_before, '.') = 0 then '.' else '' end || '000000', 1, 26) || 'Z',
    claimed_until = substr(rtrim(claimed_until, 'Z') || case when instr(claimed_until, '.') = 0 then '.' else '' end || '000000', 1, 26) || 'Z',
    expires_at = substr(rtrim(expires_at, 'Z') || case when instr(expires_at, '.') = 0 then '.' else '' end || '000000', 1, 26) || 'Z';
update rejected set
    last_seen_at = substr(rtrim(last_seen_at, 'Z') || case when instr(last_seen_at, '.') = 0 then '.' else '' end || '000000', 1, 26) || 'Z',
    not_before = substr(rtrim(not_before, 'Z') || case when instr(not_before, '.') = 0 then '.' else '' end || '000000', 1, 26) || 'Z';
update latest set updated_at = substr(rtrim(updated_at, 'Z') || case when instr(updated_at, '.') = 0 then '.' else '' end || '000000', 1, 26) || 'Z';
update drift set first_seen_at = substr(rtrim(first_seen_at, 'Z') || case when instr(first_seen_at, '.') = 0 then '.' else '' end || '000000', 1, 26) || 'Z';
update document set missing_since = substr(rtrim(missing_since, 'Z') || case when instr(missing_since, '.') = 0 then '.' else '' end || '000000', 1, 26) || 'Z' where missing_since is not null;
:sqlite*/

-- The number given to a token last. Numbers are never given twice: one that was removed with its person stays a number
-- that no other token has.
create table api_token_number (
    last bigint not null
);

insert into api_token_number (last) select coalesce(max(id), 0) from api_token;
