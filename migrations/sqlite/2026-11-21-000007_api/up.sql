-- What the API needs: writes that are done once for each key, and lists that cost what a page holds.

CREATE TABLE api_writes (
    key     TEXT        NOT NULL PRIMARY KEY, -- whose it is, what kind of write, and the key that they chose
    actor   TEXT        NOT NULL,
    content TEXT        NOT NULL, -- what was asked for: a repeated write asks for the same
    answer  TEXT, -- what it came to, as JSON; written in the same transaction
    at      TEXT        NOT NULL
);

-- Serves: a page of a mentor's history.
CREATE INDEX ledger_entries_history ON ledger_entries (mentor_id, journal_id, currency) WHERE mentor_id IS NOT NULL;
-- Serves: a page of a mentor's payments.
CREATE INDEX payments_of_mentor ON payments (mentor_id, id) WHERE mentor_id IS NOT NULL;
