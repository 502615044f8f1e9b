-- The embedded database kept only the year of when a version was superseded: a cast to `timestamptz` makes a number there.
-- It was superseded when the next version came; of a withdrawn document's last version only the earliest moment is known.
/*sqlite:
update document_revision set replaced_at = coalesce(
    (select later.changed_at from document_revision as later
     where later.person = document_revision.person and later.collection = document_revision.collection
       and later.id = document_revision.id and later.revision = document_revision.revision + 1),
    (select document.changed_at from document
     where document.person = document_revision.person and document.collection = document_revision.collection
       and document.id = document_revision.id and document.revision > document_revision.revision),
    document_revision.changed_at)
where typeof(replaced_at) <> 'text';
:sqlite*/
