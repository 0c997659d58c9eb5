-- Version 1 of a debugging session's log, beside the run that it debugs. Events are only ever appended;
-- of `branches` the name and what became of it change.

PRAGMA application_id = 0x5455544D;

CREATE TABLE session (
    version INTEGER NOT NULL,
    settings TEXT NOT NULL,             -- JSON: what is debugged
    input BLOB,                         -- the graph's input; one byte as in a run's bodies, then the bytes
    created REAL NOT NULL
);

CREATE TABLE branches (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    rollout TEXT NOT NULL UNIQUE,       -- the id of its rollout in the run
    parent INTEGER REFERENCES branches,
    upto INTEGER NOT NULL,              -- the parent's events with a number up to this belong to it
    at INTEGER,                         -- the visit at which it left its parent
    kind TEXT NOT NULL,
    grp TEXT,                           -- which resampling made it
    created REAL NOT NULL,
    dropped INTEGER NOT NULL DEFAULT 0,
    outcome TEXT                        -- JSON; NULL before its end
);

CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    branch INTEGER NOT NULL REFERENCES branches,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,                  -- the visit that it belongs to; empty for the branch itself
    data TEXT NOT NULL                  -- JSON
);
CREATE INDEX events_of_branch ON events (branch, seq);

-- Values of state fields and results of nodes, each once, by the first 16 bytes of its SHA-256.
CREATE TABLE contents (
    digest BLOB PRIMARY KEY,
    data BLOB NOT NULL                  -- one byte as in a run's bodies, then the bytes
) WITHOUT ROWID;

CREATE TABLE breakpoints (
    number INTEGER PRIMARY KEY,
    data TEXT NOT NULL                  -- JSON
);
