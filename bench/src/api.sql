-- `me` has ten years of every day.
insert into person (id, name, time_zone, created_at) values (1, 'me', 'UTC', now());
insert into daily (person, metric, day, value)
    select 1, metric, day, 60 + (extract(doy from day)::int * 7) % 40
    from generate_series(date '2016-01-01', '2025-12-31', '1 day') as day,
        unnest(array['sleep_score', 'readiness_score', 'activity_score', 'sleep_duration']) as metric;

-- `gaps` has a score on six days of seven, and left on the others what reasons are made of: now the ring was off, now it
-- was worn, now nothing at all came.
insert into person (id, name, time_zone, created_at) values (2, 'gaps', 'UTC', now());
insert into daily (person, metric, day, value)
    select 2, metric, day, value from daily
    where person = 1 and (metric <> 'sleep_score' or extract(doy from day)::int % 7 > 0);
insert into daily (person, metric, day, value)
    select 2, 'activity_duration_non_wear', day, case when extract(doy from day)::int % 14 = 0 then 50000 else 600 end
    from generate_series(date '2016-01-01', '2025-12-31', '1 day') as day
    where extract(doy from day)::int % 21 > 0;
insert into document (person, collection, id, day, body, fingerprint, revision, first_seen_at, changed_at)
    select 2, 'daily_sleep', day::text, day, '{}', 0, 1, now(), now()
    from daily where person = 2 and metric = 'sleep_score';
insert into sync_state (person, collection, first_day, last_day, newest_day, last_attempt_at, last_success_at)
    select 2, collection, '2016-01-01', '2025-12-31', '2025-12-31', now(), now()
    from unnest(array['daily_sleep', 'daily_activity', 'daily_readiness', 'sleep', 'heart_rate']) as collection;

vacuum analyze;
