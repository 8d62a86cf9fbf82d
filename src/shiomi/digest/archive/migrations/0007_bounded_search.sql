-- Search of a million threads in bounded time: newest matches first (sqlite_search.py).
--
-- The index of titles knows no positions: a title is checked when it is found. That makes it a
-- third as large. Words of one or two characters have no trigram, so they have indexes of their
-- own. `short_words` is given to SQLite by migrate.py. 1.5 s of processor for 100,000 titles.

DROP TRIGGER title_deleted;
DROP TABLE title_text;
CREATE VIRTUAL TABLE title_text USING fts5 (
    title, content = 'title_as_searched', content_rowid = 'n', tokenize = 'trigram',
    detail = none, columnsize = 0
);
INSERT INTO title_text (title_text) VALUES ('rebuild');

CREATE VIRTUAL TABLE title_short USING fts5 (
    words, tokenize = 'ascii', detail = none, columnsize = 0
);
INSERT INTO title_short (rowid, words)
    SELECT n, short_words(title) FROM title_as_searched WHERE short_words(title) <> '';
CREATE TRIGGER title_deleted AFTER DELETE ON title BEGIN
    INSERT INTO title_text (title_text, rowid, title)
    VALUES ('delete', old.n, coalesce(old.folded, old.title));
    DELETE FROM title_short WHERE rowid = old.n;
END;

CREATE VIRTUAL TABLE passage_short USING fts5 (
    words, tokenize = 'ascii', detail = none, columnsize = 0
);
INSERT INTO passage_short (rowid, words)
    SELECT n, short_words(text) FROM passage_as_searched WHERE short_words(text) <> '';
DROP TRIGGER passage_deleted;
CREATE TRIGGER passage_deleted AFTER DELETE ON passage BEGIN
    INSERT INTO passage_text (passage_text, rowid, text)
    VALUES ('delete', old.n, coalesce(old.folded, old.text));
    DELETE FROM passage_short WHERE rowid = old.n;
END;
