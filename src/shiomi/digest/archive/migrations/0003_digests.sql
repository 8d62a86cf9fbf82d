-- A digest is planned once, so that a run that was killed and started again asks for the same
-- readings, and is written once: `document` is NULL until the whole digest stands.
CREATE TABLE digest (
    last     TEXT    NOT NULL,           -- the week's last day, YYYY-MM-DD
    zone     TEXT    NOT NULL,           -- IANA name
    language TEXT    NOT NULL,
    as_of    INTEGER NOT NULL,           -- unix seconds; no later reading is used
    document BLOB,                       -- JSON of shiomi.digest.document.Digest
    PRIMARY KEY (last, language)
) WITHOUT ROWID;

-- Parts of a digest that is being written: a language model's hours are not lost with the process.
CREATE TABLE digest_part (
    last     TEXT NOT NULL,
    language TEXT NOT NULL,
    kind     TEXT NOT NULL,              -- 'topic', 'trend', 'subject'
    key      TEXT NOT NULL,              -- the story's id, the trend's or the subject's name
    document BLOB NOT NULL,
    PRIMARY KEY (last, language, kind, key),
    FOREIGN KEY (last, language) REFERENCES digest (last, language) ON DELETE CASCADE
) WITHOUT ROWID;

-- The threads a finished digest gave a place to: a later digest does not give them another.
CREATE TABLE digest_thread (
    uid      TEXT NOT NULL,
    last     TEXT NOT NULL,
    language TEXT NOT NULL,
    PRIMARY KEY (uid, last, language),
    FOREIGN KEY (last, language) REFERENCES digest (last, language) ON DELETE CASCADE
) WITHOUT ROWID;
