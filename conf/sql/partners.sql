-- The pairs of experts of a layer that serve the same tokens most often beyond what their loads explain.
SELECT run, step, layer, place, expert_a, expert_b, tokens, probability, lift
FROM (
  SELECT
    run, step, layer, expert_a, expert_b, tokens, probability, lift,
    ROW_NUMBER() OVER (
      PARTITION BY run, step, layer
      ORDER BY tokens * LN(lift) DESC, expert_a, expert_b
    ) AS place
  FROM coactivation
  WHERE expert_a < expert_b AND tokens > 0
) AS ranked
WHERE place <= 5
ORDER BY run, step, layer, place
