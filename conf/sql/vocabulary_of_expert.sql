-- The five input tokens of each expert that are most its own, and how much of its load the listed ones are.
SELECT
  v.run, v.step, v.layer, v.expert, v.rank, v.token, v.text, v.tokens, v.share, v.lift,
  l.listed / l.total AS listed_share
FROM vocabulary AS v
JOIN (
  SELECT
    run, step, layer, expert, kind,
    CAST(SUM(CASE WHEN rank > 0 THEN tokens ELSE 0 END) AS DOUBLE) AS listed,
    CAST(SUM(tokens) AS DOUBLE) AS total
  FROM vocabulary
  GROUP BY run, step, layer, expert, kind
) AS l
  ON l.run = v.run AND l.step = v.step AND l.layer = v.layer AND l.expert = v.expert AND l.kind = v.kind
WHERE v.kind = 'input' AND v.rank BETWEEN 1 AND 5
ORDER BY v.run, v.step, v.layer, v.expert, v.rank
