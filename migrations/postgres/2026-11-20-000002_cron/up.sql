-- Tokens that were shown to the cron endpoint, so that none is accepted twice by any daemon of this database. Rows of
-- expired tokens are removed when another is used: there are never more than an hour or two of them.
CREATE TABLE used_tokens (
    jti        TEXT PRIMARY KEY CONSTRAINT used_tokens_jti_present CHECK (jti <> ''), -- the token's own id
    expires_at TIMESTAMPTZ NOT NULL, -- from then on the token is refused for its age
    used_at    TIMESTAMPTZ NOT NULL
);
