-- See ../0008_thread_pages.sql.
DROP TABLE thread_key;
CREATE TABLE thread_page (
    url    bigint  NOT NULL,
    thread bigint  NOT NULL REFERENCES thread (n) ON DELETE CASCADE,
    own    integer NOT NULL,
    PRIMARY KEY (url, thread)
);
CREATE INDEX thread_page_by_thread ON thread_page (thread);
