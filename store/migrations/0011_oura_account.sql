-- The log-in or access token with which an account was last confirmed, as a word made from it; null until one has been.
-- While Oura does not say whose token it is, only that one reads on.
alter table oura_account add column confirmed_with text;
