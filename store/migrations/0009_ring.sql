-- What was last observed of each person's rings. A role that may read this and not document, as the exporter's,
-- sees no measurement as Oura sent it.
create view ring as
    select document.person as person, document.body as body
    from sync_state
    join document on document.person = sync_state.person and document.collection = sync_state.collection
         and document.day = sync_state.newest_day
    where sync_state.collection = 'ring_configuration';
