-- How collecting went, who runs, and what was notified. All times are unix seconds, UTC.

-- One row for each reading of a feed. A feed is a part of a community that can fail alone: the
-- newest and the best threads of a subreddit are two feeds; most communities have one, named ''.
CREATE TABLE outcome (
    community TEXT    NOT NULL,             -- 'hackernews', 'reddit/LocalLLaMA'
    feed      TEXT    NOT NULL,             -- '', 'new', 'top'
    time      INTEGER NOT NULL,             -- when the reading ended
    source    TEXT    NOT NULL,             -- the name in shiomi.toml
    since     INTEGER,                      -- threads created in [since, time) are complete; NULL: unknown
    error     TEXT,                         -- NULL: the feed was read
    PRIMARY KEY (community, feed, time)
);
CREATE INDEX outcome_by_time ON outcome (time);

-- Notifications. A row is written before its message is sent, so that no message is sent twice.
CREATE TABLE notice (
    key     TEXT    NOT NULL PRIMARY KEY,   -- what it is about, and to which address it goes
    time    INTEGER NOT NULL,               -- of the latest attempt
    state   TEXT    NOT NULL,               -- 'sending', 'sent', 'failed'
    attempt INTEGER NOT NULL                -- number of attempts
);

-- A process that alone may do something, until a time it moves forward.
CREATE TABLE lease (
    name   TEXT    NOT NULL PRIMARY KEY,    -- 'run'
    holder TEXT    NOT NULL,                -- 'host pid token'
    until  INTEGER NOT NULL
);
