-- A digest in the making. It is planned once, so that a run that was killed and started again asks
-- for the same readings. The plan goes when the digest stands.
CREATE TABLE digest_plan (
    last     TEXT    NOT NULL,           -- the week's last day, YYYY-MM-DD
    zone     TEXT    NOT NULL,           -- IANA name
    language TEXT    NOT NULL,
    as_of    INTEGER NOT NULL,           -- unix seconds; no later reading is used
    PRIMARY KEY (last, language)
) WITHOUT ROWID;

-- Its parts as they are written: a language model's hours are not lost with the process.
CREATE TABLE digest_part (
    last     TEXT NOT NULL,
    language TEXT NOT NULL,
    kind     TEXT NOT NULL,              -- 'topic', 'trend'
    key      TEXT NOT NULL,              -- the story's id, the trend's name
    document BLOB NOT NULL,              -- JSON of shiomi.digest.document.Topic or Trend
    PRIMARY KEY (last, language, kind, key),
    FOREIGN KEY (last, language) REFERENCES digest_plan (last, language) ON DELETE CASCADE
) WITHOUT ROWID;

-- The digests that stand. One that is made anew stands until the new one does.
CREATE TABLE digest (
    last        TEXT NOT NULL,
    language    TEXT NOT NULL,
    document    BLOB NOT NULL,           -- JSON of shiomi.digest.document.Digest
    explanation TEXT NOT NULL,           -- why these stories and not the next
    PRIMARY KEY (last, language)
) WITHOUT ROWID;

-- The threads a digest gave a place to: that of a later week does not give them another.
CREATE TABLE digest_thread (
    uid      TEXT NOT NULL,
    last     TEXT NOT NULL,
    language TEXT NOT NULL,
    PRIMARY KEY (uid, last, language),
    FOREIGN KEY (last, language) REFERENCES digest (last, language) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX digest_thread_by_digest ON digest_thread (last, language);
