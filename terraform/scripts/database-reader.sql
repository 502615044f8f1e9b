-- After `myhealth migrate`: what the reader may read, as docs/exporter.md has it. Run by the owner.

grant select on person, latest, sync_state, ring, drift, _sqlx_migrations to myhealth_reader;
