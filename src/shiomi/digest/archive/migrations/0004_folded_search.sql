-- Search folds widths: AI finds ＡＩ, and half-width katakana its full-width form (folding.py).
--
-- `folded` is the folded text, NULL where the text itself will do: the two then differ in no more
-- than the case of a to z. The index is of the folded texts, so it is made anew here, once: 1.5 s
-- of processor for 100,000 titles. `kept_folding` is folding.py's, given to SQLite by migrate.py;
-- nothing that is kept needs it, so any SQLite program reads the archive.

ALTER TABLE title ADD COLUMN folded TEXT;
UPDATE title SET folded = kept_folding(title) WHERE kept_folding(title) NOT NULL;
CREATE VIEW title_as_searched (n, title) AS SELECT n, coalesce(folded, title) FROM title;

DROP TRIGGER title_deleted;
DROP TABLE title_text;
CREATE VIRTUAL TABLE title_text USING fts5 (
    title, content = 'title_as_searched', content_rowid = 'n', tokenize = 'trigram'
);
CREATE TRIGGER title_deleted AFTER DELETE ON title BEGIN
    INSERT INTO title_text (title_text, rowid, title)
    VALUES ('delete', old.n, coalesce(old.folded, old.title));
END;
INSERT INTO title_text (title_text) VALUES ('rebuild');

ALTER TABLE passage ADD COLUMN folded TEXT;
UPDATE passage SET folded = kept_folding(text) WHERE kept_folding(text) NOT NULL;
CREATE VIEW passage_as_searched (n, text) AS SELECT n, coalesce(folded, text) FROM passage;

DROP TRIGGER passage_deleted;
DROP TABLE passage_text;
CREATE VIRTUAL TABLE passage_text USING fts5 (
    text, content = 'passage_as_searched', content_rowid = 'n', tokenize = 'trigram'
);
CREATE TRIGGER passage_deleted AFTER DELETE ON passage BEGIN
    INSERT INTO passage_text (passage_text, rowid, text)
    VALUES ('delete', old.n, coalesce(old.folded, old.text));
END;
INSERT INTO passage_text (passage_text) VALUES ('rebuild');
