-- Version 1 of the record. One file holds one run. Rows are appended; only `rollouts` is ever updated,
-- when a rollout ends. Ids are 32 hex digits; the references between tables are row numbers (`seq`).
-- TEXT that is not valid Unicode (lone surrogates) is kept as a BLOB of its WTF-8 bytes.

PRAGMA application_id = 0x5455544C;

CREATE TABLE schema_version (version INTEGER NOT NULL);
INSERT INTO schema_version VALUES (1);

CREATE TABLE run (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    settings TEXT NOT NULL,             -- JSON
    created REAL NOT NULL
);

-- Contents, each kept once: its SHA-256, then one byte (0: as it is, 1: zlib) and the bytes.
CREATE TABLE bodies (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    data BLOB NOT NULL
);

CREATE TABLE tasks (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    body INTEGER NOT NULL REFERENCES bodies -- JSON
);

CREATE TABLE rollouts (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    task INTEGER NOT NULL REFERENCES tasks,
    repeat INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('running', 'done', 'failed', 'abandoned')),
    error TEXT,
    answer TEXT,
    started REAL NOT NULL,
    ended REAL,
    output INTEGER REFERENCES bodies    -- JSON
);
CREATE UNIQUE INDEX rollouts_counted ON rollouts (task, repeat) WHERE status <> 'abandoned';

CREATE TABLE turns (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    rollout INTEGER NOT NULL REFERENCES rollouts,
    role TEXT NOT NULL,
    node TEXT,
    parents TEXT NOT NULL,              -- JSON list of turn ids
    call INTEGER NOT NULL,
    sample INTEGER NOT NULL,
    messages TEXT NOT NULL,             -- JSON list of bodies, one JSON message each
    completion INTEGER NOT NULL REFERENCES bodies,
    finish_reason TEXT,
    prompt_ids TEXT,                    -- JSON list of bodies, int32 in pieces
    prompt_tokens INTEGER,              -- how many
    completion_ids BLOB,                -- one byte as in bodies, then int32, little endian
    completion_tokens INTEGER,          -- how many
    logprobs BLOB,                      -- the same in float32
    sampling INTEGER NOT NULL REFERENCES bodies, -- JSON
    model TEXT NOT NULL,
    policy TEXT NOT NULL,
    started REAL NOT NULL,
    seconds REAL NOT NULL,
    error TEXT,
    metadata TEXT NOT NULL              -- JSON
);
CREATE INDEX turns_of_rollout ON turns (rollout);

CREATE TABLE candidates (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    rollout INTEGER NOT NULL REFERENCES rollouts,
    text INTEGER NOT NULL REFERENCES bodies,
    answer TEXT,
    parents TEXT NOT NULL,              -- JSON list of candidate ids
    turn_id TEXT,
    round INTEGER NOT NULL
);
CREATE INDEX candidates_of_rollout ON candidates (rollout);

CREATE TABLE scores (
    seq INTEGER PRIMARY KEY,
    rollout INTEGER NOT NULL REFERENCES rollouts,
    subject TEXT NOT NULL CHECK (subject IN ('rollout', 'candidate', 'turn')),
    subject_id TEXT NOT NULL,
    name TEXT NOT NULL,
    value REAL,                         -- NULL is "not a number"
    passed INTEGER,
    steps BLOB,                         -- one byte as in bodies, then float64, little endian
    feedback TEXT
);
CREATE INDEX scores_of_rollout ON scores (rollout);
