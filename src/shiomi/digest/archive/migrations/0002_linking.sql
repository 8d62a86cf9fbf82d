-- Ties between threads, and what identical pages and titles are found by.
--
-- A link is a function of its two threads alone, so a row never changes because a third thread
-- arrived. It is removed and judged anew when one of its threads changes (thread.linked = 0).

CREATE TABLE link (
    a     INTEGER NOT NULL REFERENCES thread (n) ON DELETE CASCADE,
    b     INTEGER NOT NULL REFERENCES thread (n) ON DELETE CASCADE,
    kind  TEXT    NOT NULL,                     -- LinkKind: 'canonical_url', 'same_story', ...
    score REAL    NOT NULL,                     -- probability in [0, 1]
    PRIMARY KEY (a, b),
    CHECK (a < b)
) WITHOUT ROWID;
CREATE INDEX link_by_b ON link (b, a);

-- 64-bit hashes of a linked thread's canonical URL (NULL: it has none) and folded title.
CREATE TABLE thread_key (
    thread INTEGER PRIMARY KEY REFERENCES thread (n) ON DELETE CASCADE,
    url    INTEGER,
    title  INTEGER NOT NULL
);
CREATE INDEX thread_key_by_url ON thread_key (url) WHERE url NOT NULL;
CREATE INDEX thread_key_by_title ON thread_key (title);

-- Linking takes neighbours in time together, whatever order they arrived in.
CREATE INDEX thread_pending_by_created ON thread (created) WHERE linked = 0 AND created NOT NULL;

CREATE INDEX thread_by_crosspost ON thread (crosspost_of) WHERE crosspost_of NOT NULL;
