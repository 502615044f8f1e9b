-- Accounts of people who log in at an OpenID Connect provider: whose they are there, and by which version of the
-- configured rules they got what they open. Such an account has no password.
alter table account add column issuer text;
alter table account add column subject text;
alter table account add column rules text;

create unique index account_by_subject on account (issuer, subject) where issuer is not null;
