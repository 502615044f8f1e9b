-- Long work that somebody asked for: queued until a process has done it, kept until its result expires.
create table job (
    person bigint not null references person (id),
    -- Drawn at random, so that it cannot be guessed.
    id text not null,
    -- export, backfill, report.
    kind text not null,
    -- What was asked for, as JSON.
    parameters text not null,
    -- Who asked, and how he calls this request: asking again with the same key is the same job.
    asker text not null,
    idempotency_key text,
    -- queued, running, done, failed, cancelled.
    state text not null,
    -- One more with every change: whoever watches knows what he has seen.
    version bigint not null,
    created_at timestamptz not null,
    started_at timestamptz,
    finished_at timestamptz,
    -- Not worked on before.
    not_before timestamptz not null,
    -- Times it was begun.
    attempts bigint not null,
    -- Who works on it, and until when without a sign of life.
    holder text,
    claimed_until timestamptz,
    -- Somebody wants it to stop.
    cancelled_at timestamptz,
    progress_done bigint not null,
    progress_total bigint not null,
    -- Why it failed, a word of a closed set.
    failure text,
    -- The result's name in the object store, and what it is.
    result_object text,
    result_bytes bigint,
    result_type text,
    result_name text,
    -- When it is forgotten, with its result.
    expires_at timestamptz,
    primary key (person, id)
);

-- A job is asked for by its id alone.
create unique index job_by_id on job (id);

-- "Was this asked for before"; a request without a key is like no other.
create index job_by_key on job (asker, idempotency_key);

-- "What is due" and "how much waits".
create index job_by_state on job (state, not_before);
