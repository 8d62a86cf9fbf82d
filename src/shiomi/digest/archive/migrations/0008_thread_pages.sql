-- The pages of threads: the page that a thread is about, and the pages that a text post names.
--
-- Linking fills this table. It replaces thread_key, whose titles nothing read. All threads are
-- linked again, because the mark of the linker changes too.
DROP TABLE thread_key;
CREATE TABLE thread_page (
    url    INTEGER NOT NULL,                -- 64-bit hash of the canonical URL
    thread INTEGER NOT NULL REFERENCES thread (n) ON DELETE CASCADE,
    own    INTEGER NOT NULL,                -- 1: the thread is about it; 0: the post names it
    PRIMARY KEY (url, thread)
) WITHOUT ROWID;
CREATE INDEX thread_page_by_thread ON thread_page (thread);
