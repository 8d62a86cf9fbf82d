-- What people said about two threads. Linking never changes these rows.
CREATE TABLE correction (
    a    TEXT    NOT NULL,                  -- uid of a thread, the smaller one first
    b    TEXT    NOT NULL,
    kind TEXT    NOT NULL CHECK (kind IN ('join', 'split')),
    time INTEGER NOT NULL,                  -- when it was said, unix seconds
    PRIMARY KEY (a, b),
    CHECK (a < b)
);
CREATE INDEX correction_by_b ON correction (b);
