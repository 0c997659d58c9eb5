-- What `tutelage sql` adds to the tables: views in which references are followed and contents are text.
-- Only what counts is in them: no abandoned rollouts, and of the scores of one name the latest.

CREATE TEMP VIEW task AS
SELECT k.id, b.task ->> 'problem' AS problem, b.task ->> 'reference' AS reference,
    b.task ->> 'solution' AS solution, b.task ->> 'family' AS family, b.task ->> 'difficulty' AS difficulty,
    b.task -> 'metadata' AS metadata
FROM tasks k JOIN (SELECT id, content(data) AS task FROM bodies) b ON b.id = k.body;

CREATE TEMP VIEW rollout AS
SELECT r.id, k.id AS task, r.repeat, r.status, r.error, r.answer, r.started, r.ended,
    (SELECT count(*) FROM turns t WHERE t.rollout = r.seq) AS turns,
    (SELECT content(b.data) FROM bodies b WHERE b.id = r.output) AS output
FROM rollouts r JOIN tasks k ON k.seq = r.task
WHERE r.status <> 'abandoned';

CREATE TEMP VIEW turn AS
SELECT t.id, r.id AS rollout, k.id AS task, r.repeat, s.role, s.node, s.model, s.policy, s.author,
    t.call, t.sample, t.samples, t.parents,
    (SELECT content(b.data) FROM messages m JOIN bodies b ON b.id = m.body WHERE m.id = t.prompt) AS asked,
    (SELECT content(b.data) FROM bodies b WHERE b.id = t.completion) AS completion,
    (SELECT content(b.data) FROM bodies b WHERE b.id = t.tool_calls) AS tool_calls,
    t.finish_reason, t.prompt_tokens, t.completion_tokens, t.started, t.seconds, t.error, t.metadata,
    (SELECT CASE v.passed WHEN 1 THEN 'right' WHEN 0 THEN 'wrong' ELSE 'none' END
        FROM scores v WHERE v.rollout = t.rollout AND v.subject_id = t.id AND v.subject = 'turn'
        AND v.name = 'verdict' ORDER BY v.seq DESC LIMIT 1) AS verdict
FROM turns t JOIN rollouts r ON r.seq = t.rollout JOIN tasks k ON k.seq = r.task
    JOIN speakers s ON s.id = t.speaker
WHERE r.status <> 'abandoned';

CREATE TEMP VIEW candidate AS
SELECT c.id, r.id AS rollout, k.id AS task, c.turn_id AS turn, c.round, c.answer, c.parents,
    (SELECT content(b.data) FROM bodies b WHERE b.id = c.text) AS text
FROM candidates c JOIN rollouts r ON r.seq = c.rollout JOIN tasks k ON k.seq = r.task
WHERE r.status <> 'abandoned';

CREATE TEMP VIEW score AS
SELECT r.id AS rollout, k.id AS task, s.subject, s.subject_id, s.name, s.value, s.passed, s.feedback, s.given
FROM scores s JOIN rollouts r ON r.seq = s.rollout JOIN tasks k ON k.seq = r.task
WHERE r.status <> 'abandoned' AND NOT EXISTS (SELECT 1 FROM scores l WHERE l.rollout = s.rollout
    AND l.seq > s.seq AND l.subject = s.subject AND l.subject_id = s.subject_id AND l.name = s.name);
