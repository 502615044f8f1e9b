-- Tokens by which programs read the API. Only the hash of a token's random half is kept: whoever reads this table
-- cannot use it.
create table api_token (
    id bigint not null primary key,
    -- SHA-256 of the secret, in hexadecimal.
    hash text not null,
    -- What the owner calls it.
    name text not null,
    -- Whose numbers it opens; null means everyone's.
    person bigint references person (id),
    -- Words of a closed set, separated by spaces.
    scopes text not null,
    created_at timestamptz not null,
    -- To the hour: enough to find tokens that nobody uses.
    last_used_at timestamptz,
    revoked_at timestamptz
);
