-- A full-text index over the posts. It holds no text of its own (content = 'posts'): the three
-- triggers keep it in step with the table, whoever changes that.
CREATE VIRTUAL TABLE posts_search USING fts5 (
    title, body,
    content = 'posts', content_rowid = 'id',
    tokenize = 'porter unicode61 remove_diacritics 2'
);

CREATE TRIGGER posts_search_insert AFTER INSERT ON posts BEGIN
    INSERT INTO posts_search (rowid, title, body) VALUES (new.id, new.title, new.body);
END;

CREATE TRIGGER posts_search_delete AFTER DELETE ON posts BEGIN
    INSERT INTO posts_search (posts_search, rowid, title, body)
    VALUES ('delete', old.id, old.title, old.body);
END;

CREATE TRIGGER posts_search_update AFTER UPDATE OF title, body ON posts BEGIN
    INSERT INTO posts_search (posts_search, rowid, title, body)
    VALUES ('delete', old.id, old.title, old.body);
    INSERT INTO posts_search (rowid, title, body) VALUES (new.id, new.title, new.body);
END;
