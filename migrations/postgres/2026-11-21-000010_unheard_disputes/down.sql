DROP INDEX disputes_unheard;
ALTER TABLE disputes DROP COLUMN asked_at;
