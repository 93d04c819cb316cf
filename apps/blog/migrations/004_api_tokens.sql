-- One token for each user of the API. Only its digest is kept: who reads the database can't use it.
CREATE TABLE api_tokens (
    user_id INTEGER PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    digest  TEXT NOT NULL UNIQUE,
    created INTEGER NOT NULL DEFAULT (CAST(strftime('%s', 'now') AS INTEGER))
);
