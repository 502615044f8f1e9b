-- People who log in with a password. `id` is drawn at random and never given twice: a log-in names it and must not
-- become somebody else's.
create table account (
    id bigint not null primary key,
    -- What is typed at the log-in.
    name text not null unique,
    -- Whose numbers it opens; null means everyone's.
    person bigint references person (id),
    -- argon2id, as a PHC string: parameters, salt and hash.
    password text not null,
    -- Grows with every new password and when all log-ins are ended; a log-in of an older generation is over.
    generation bigint not null,
    created_at timestamptz not null,
    password_changed_at timestamptz not null,
    last_login_at timestamptz
);

-- Null: until it is revoked.
alter table api_token add column expires_at timestamptz;

-- Grows with every change of a person's documents, in the transaction that makes it: what was answered from memory is
-- as good as new while it stands.
alter table person add column revision bigint not null default 0;
