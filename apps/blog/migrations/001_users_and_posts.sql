-- Migrations build the database step by step: `cflask-lua apps/blog db migrate` applies those that
-- are new, in order, each in a transaction. One that has been applied is never edited: what is
-- to change comes as a file with the next number.

-- role says what a user may do: a writer changes what is their own, an editor changes all posts and
-- comments, an admin gives out roles besides. session_key is new whenever the password is: it ends the
-- logins that are open elsewhere.
CREATE TABLE users (
    id          INTEGER PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE COLLATE NOCASE,
    password    TEXT NOT NULL,
    role        TEXT NOT NULL DEFAULT 'writer' CHECK (role IN ('writer', 'editor', 'admin')),
    session_key TEXT NOT NULL,
    created     INTEGER NOT NULL DEFAULT (CAST(strftime('%s', 'now') AS INTEGER))
);

-- picture is the name of a file in the upload folder, picture_alt what it shows, in words.
-- Times are seconds since 1970.
CREATE TABLE posts (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    author_id   INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title       TEXT NOT NULL,
    body        TEXT NOT NULL,
    picture     TEXT,
    picture_alt TEXT NOT NULL DEFAULT '',
    created     INTEGER NOT NULL DEFAULT (CAST(strftime('%s', 'now') AS INTEGER)),
    updated     INTEGER
);

-- The front page asks for the newest posts, an author's page for the newest of one.
CREATE INDEX posts_by_time ON posts (created DESC, id DESC);
CREATE INDEX posts_by_author ON posts (author_id, created DESC, id DESC);
