-- Roles of the program in PostgreSQL, made by the master; runs again without harm. The owner migrates, the writer reads and
-- writes rows, the reader serves gauges and sees no document, no token and no log-in. Passwords are psql variables.

select format('create role %I login', role) from unnest(array['myhealth_owner', 'myhealth_writer', 'myhealth_reader']) role
  where not exists (select from pg_roles where rolname = role) \gexec
alter role myhealth_owner password :'owner_password';
alter role myhealth_writer password :'writer_password';
alter role myhealth_reader password :'reader_password';

-- The master is no superuser: it speaks for the owner as a member.
grant myhealth_owner to current_user;
grant all on schema public to myhealth_owner;
grant usage on schema public to myhealth_writer, myhealth_reader;
alter default privileges for role myhealth_owner in schema public
  grant select, insert, update, delete on tables to myhealth_writer;
alter default privileges for role myhealth_owner in schema public
  grant usage, select on sequences to myhealth_writer;
