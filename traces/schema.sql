-- Version 2 of the record. One file holds one run. Rows are appended; only `rollouts` is ever updated,
-- when a rollout ends, is taken up again or dropped. Ids are 32 hex digits; the references between tables are
-- row numbers; parents, which may lie in another rollout, are named by their ids.
-- TEXT that is not valid Unicode (lone surrogates) is kept as a BLOB of its WTF-8 bytes.

PRAGMA application_id = 0x5455544C;

CREATE TABLE schema_version (version INTEGER NOT NULL);
INSERT INTO schema_version VALUES (2);

CREATE TABLE run (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    settings TEXT NOT NULL,             -- JSON
    created REAL NOT NULL
);

-- Runs that were merged into this one; a rollout without a shard was recorded here.
CREATE TABLE shards (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    settings TEXT NOT NULL,             -- JSON
    created REAL NOT NULL
);

-- Contents: one byte (0: as it is, 1: zlib), then the bytes. From 256 bytes on each is kept once, by the first
-- 16 bytes of its SHA-256; a shorter one costs less than its digest, and may be kept again some time later.
CREATE TABLE bodies (
    id INTEGER PRIMARY KEY,
    digest BLOB,
    data BLOB NOT NULL
);
CREATE UNIQUE INDEX bodies_by_digest ON bodies (digest) WHERE digest IS NOT NULL;

-- A prompt is a path from a root to a node, so that conversations share their beginnings.
CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    parent INTEGER REFERENCES messages, -- the message before; NULL for a first one
    role TEXT,                          -- NULL: the body is the whole message as JSON
    body INTEGER NOT NULL REFERENCES bodies -- the content
);

-- Token ids: the first `kept` ids of the parent, then one's own.
CREATE TABLE sequences (
    id INTEGER PRIMARY KEY,
    parent INTEGER REFERENCES sequences,
    kept INTEGER NOT NULL,
    ids BLOB,                           -- one byte (bit 7: zlib; bits 0-6: planes), then the planes:
                                        -- the lowest bytes of all ids, the next bytes of all ids, ...
    logprobs BLOB                       -- of one's own ids: float32, little endian; NULL for what was read
);

CREATE TABLE speakers (
    id INTEGER PRIMARY KEY,
    role TEXT NOT NULL,
    node TEXT,
    model TEXT NOT NULL,
    policy TEXT NOT NULL,
    sampling INTEGER NOT NULL REFERENCES bodies, -- JSON
    tools INTEGER REFERENCES bodies,    -- JSON: {"tools": [...], "tool_choice": ...}
    author TEXT                         -- who wrote the completion where no model sampled it
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
    output INTEGER REFERENCES bodies,   -- JSON
    shard INTEGER REFERENCES shards
);
CREATE UNIQUE INDEX rollouts_counted ON rollouts (task, repeat) WHERE status <> 'abandoned';

CREATE TABLE turns (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    rollout INTEGER NOT NULL REFERENCES rollouts,
    speaker INTEGER NOT NULL REFERENCES speakers,
    parents TEXT,                       -- JSON list of turn ids; NULL for none
    call INTEGER NOT NULL,
    samples INTEGER NOT NULL,           -- how many completions the call asked for
    sample INTEGER NOT NULL,
    prompt INTEGER REFERENCES messages, -- the prompt's last message; NULL for an empty prompt
    completion INTEGER NOT NULL REFERENCES bodies,
    tool_calls INTEGER REFERENCES bodies, -- JSON list
    finish_reason TEXT,
    read INTEGER REFERENCES sequences,  -- the prompt's token ids
    prompt_tokens INTEGER,              -- how many
    written INTEGER REFERENCES sequences, -- the completion's; its parent is `read` where that is known
    completion_tokens INTEGER,          -- how many
    started REAL NOT NULL,
    seconds REAL NOT NULL,
    error TEXT,
    metadata TEXT                       -- JSON; NULL for none
);
CREATE INDEX turns_of_rollout ON turns (rollout);

CREATE TABLE candidates (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    rollout INTEGER NOT NULL REFERENCES rollouts,
    text INTEGER NOT NULL REFERENCES bodies,
    answer TEXT,
    parents TEXT,                       -- JSON list of candidate ids; NULL for none
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
    feedback TEXT,
    given REAL                          -- Unix time in seconds
);
CREATE INDEX scores_of_rollout ON scores (rollout);
