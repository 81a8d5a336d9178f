"""What a gallery's SQLite file looks like."""

FORMAT = 1

# slot: the entry's row in the vector file, and so the rowid. seq: number of the write that last changed the entry.
# checksum: CRC-32 of its embedding. captured_at: microseconds since 1970 UTC. The counter has a table of its own:
# max(seq) + 1 would hand out old numbers again after a deletion.
SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO counter VALUES ('seq', 0);
CREATE TABLE entry (
    slot INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    seq INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    camera_id TEXT NOT NULL,
    captured_at INTEGER NOT NULL,
    person_id TEXT,
    attributes TEXT NOT NULL
) STRICT;
CREATE INDEX entry_seq ON entry (seq);
CREATE INDEX entry_camera ON entry (camera_id, captured_at);
CREATE INDEX entry_captured ON entry (captured_at);
CREATE INDEX entry_person ON entry (person_id);
CREATE TABLE attribute (
    key TEXT NOT NULL, value TEXT NOT NULL, slot INTEGER NOT NULL, PRIMARY KEY (key, value, slot)
) STRICT, WITHOUT ROWID;
CREATE TABLE thumbnail (slot INTEGER PRIMARY KEY, jpeg BLOB NOT NULL) STRICT;
"""
