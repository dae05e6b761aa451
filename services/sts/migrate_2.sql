-- Whose permissions a session has (the ARN of its role, its user or the root), and the policies that narrow them: a JSON
-- array of documents and ARNs.
ALTER TABLE session ADD COLUMN principal TEXT NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN policies TEXT NOT NULL DEFAULT '[]';
