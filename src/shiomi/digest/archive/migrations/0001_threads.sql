-- Threads, what they were called, their counts over time, and text of them.
--
-- A thread is known by its uid "community:id". Every other table names it by the integer `n`
-- (`thread.n`), which never changes. All times are unix seconds, UTC.
--
-- A row of `thread` whose `created` IS NULL is only heard of: a data set gave counts or titles for
-- it, but not the thread itself. It is no thread to anyone yet; ask for `created NOT NULL`, or for
-- a range of `created`. When the thread itself arrives the same row is filled, so that its earlier
-- counts and titles are there.
--
-- `linked` is 0 for a thread that linking has yet to look at: a new one, or one whose title, url
-- or crosspost_of changed. Linking sets it to 1 in the transaction that writes the links. The
-- pending ones are `WHERE linked = 0 AND created NOT NULL` (spell it so: it is a partial index).
--
-- A fact carries when it was last seen, so that facts may arrive in any order: the later seen one
-- stands; of two seen at once, one is chosen by their values alone; an absent one never replaces
-- a present one. See adding.py.

CREATE TABLE thread (
    n              INTEGER PRIMARY KEY,
    community      TEXT    NOT NULL,            -- 'hackernews', 'reddit/LocalLLaMA'
    id             TEXT    NOT NULL,            -- the community's own
    title          TEXT    NOT NULL DEFAULT '', -- the current one; all of them are in `title`
    created        INTEGER,                     -- NULL: only heard of
    link           TEXT    NOT NULL DEFAULT '',
    url            TEXT,
    tags           TEXT,                        -- JSON array; NULL: none known
    state          TEXT    NOT NULL DEFAULT 'live',
    crosspost_of   TEXT,                        -- a uid, whether or not that thread is here
    seen           INTEGER,                     -- of created, link and state
    url_seen       INTEGER,
    tags_seen      INTEGER,
    crosspost_seen INTEGER,
    linked         INTEGER NOT NULL DEFAULT 0,
    UNIQUE (community, id)
);
CREATE INDEX thread_by_created ON thread (created) WHERE created NOT NULL;
CREATE INDEX thread_pending ON thread (n) WHERE linked = 0 AND created NOT NULL;

-- Every title a thread was ever seen with. The current one is that with the greatest
-- (last, first, title).
CREATE TABLE title (
    n      INTEGER PRIMARY KEY,
    thread INTEGER NOT NULL REFERENCES thread (n) ON DELETE CASCADE,
    title  TEXT    NOT NULL,
    first  INTEGER NOT NULL,                    -- first seen
    last   INTEGER NOT NULL                     -- last seen
);
CREATE INDEX title_by_thread ON title (thread);

-- Counts as read. NULL: the community did not show the number; never 0 for unknown.
CREATE TABLE reading (
    thread   INTEGER NOT NULL REFERENCES thread (n) ON DELETE CASCADE,
    time     INTEGER NOT NULL,
    exact    INTEGER NOT NULL,                  -- 0: read at `time` or earlier
    points   INTEGER,
    comments INTEGER,
    PRIMARY KEY (thread, time, exact)
) WITHOUT ROWID;

-- Where a thread stood on its community's front page; 1 is the top.
CREATE TABLE front_page (
    thread INTEGER NOT NULL REFERENCES thread (n) ON DELETE CASCADE,
    time   INTEGER NOT NULL,
    place  INTEGER NOT NULL,
    PRIMARY KEY (thread, time)
) WITHOUT ROWID;

-- Text that may be quoted. Carries no user name. Passages of one kind are replaced together.
CREATE TABLE passage (
    n        INTEGER PRIMARY KEY,
    thread   INTEGER NOT NULL REFERENCES thread (n) ON DELETE CASCADE,
    kind     TEXT    NOT NULL,                  -- 'post', 'comment', 'article', 'abstract'
    position INTEGER NOT NULL,
    text     TEXT    NOT NULL,
    link     TEXT    NOT NULL,
    points   INTEGER,
    seen     INTEGER NOT NULL
);
CREATE INDEX passage_by_thread ON passage (thread);

-- Full-text search by trigrams: what needs no word boundaries serves Japanese and English alike.
-- Whoever inserts a title or a passage inserts it here too (adding.py does): a trigger would do it,
-- but FTS5 then writes its buffer out at every row, and a million titles take four times as long.
CREATE VIRTUAL TABLE title_text USING fts5 (
    title, content = 'title', content_rowid = 'n', tokenize = 'trigram'
);
CREATE TRIGGER title_deleted AFTER DELETE ON title BEGIN
    INSERT INTO title_text (title_text, rowid, title) VALUES ('delete', old.n, old.title);
END;

CREATE VIRTUAL TABLE passage_text USING fts5 (
    text, content = 'passage', content_rowid = 'n', tokenize = 'trigram'
);
CREATE TRIGGER passage_deleted AFTER DELETE ON passage BEGIN
    INSERT INTO passage_text (passage_text, rowid, text) VALUES ('delete', old.n, old.text);
END;

-- Where each source's collecting stands.
CREATE TABLE source (
    name      TEXT PRIMARY KEY,
    cursor    TEXT NOT NULL,
    collected INTEGER                           -- `seen` of the newest threads archived with it
) WITHOUT ROWID;

-- How far the reading of each file has come, so that it goes on where it was interrupted.
CREATE TABLE import (
    file    TEXT    PRIMARY KEY,                -- SHA-256 of its content
    read_at INTEGER NOT NULL,                   -- when its counts were read at the latest
    rows    INTEGER NOT NULL,                   -- rows done
    report  TEXT    NOT NULL                    -- JSON of ImportReport
) WITHOUT ROWID;
