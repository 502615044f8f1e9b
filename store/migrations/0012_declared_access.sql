-- Accounts may have scopes and an end. The default is what every account had before.
alter table account add column scopes text not null default 'rest remote-read jobs';
alter table account add column expires_at timestamptz;

-- Declared: from the API's configuration file, which alone may change or remove it.
alter table account add column declared boolean not null default false;
-- The hash of a declared token is of its whole text, by which it is found.
alter table api_token add column declared boolean not null default false;

create unique index declared_token_by_name on api_token (name) where declared and revoked_at is null;
create unique index declared_token_by_hash on api_token (hash) where declared and revoked_at is null;

-- One row, which a process locks while it reconciles: replicas that start together take turns.
create table declared_access (
    reconciled_at timestamptz
);

insert into declared_access (reconciled_at) values (null);
