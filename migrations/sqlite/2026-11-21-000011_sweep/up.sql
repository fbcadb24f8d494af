-- Preflight by sweep. One row, once the first sweep has begun: up to where Stripe's lists of what changed were taken in.
CREATE TABLE sweeps (
    id            SMALLINT PRIMARY KEY CONSTRAINT sweeps_one_row CHECK (id = 1),
    covers_from   TEXT NOT NULL, -- no gap since then: payments charged before are read one by one
    swept_to      TEXT NOT NULL, -- the lists were taken in up to then
    charges_to    TEXT NOT NULL, -- and the charges made before then were read, with what they settled as
    swept_at      TEXT, -- when the last one began that was done to its end
    failing_since TEXT, -- when the first one began that failed since; NULL: the last one was good
    CONSTRAINT sweeps_in_order CHECK (covers_from <= swept_to AND covers_from <= charges_to)
);
