-- Where the tokens of each expert go in the next layer: its strongest way over all domains.
SELECT run, step, layer, expert, next_expert, tokens, share, lift
FROM (
  SELECT
    run, step, layer, expert, next_expert, tokens, share, lift,
    ROW_NUMBER() OVER (
      PARTITION BY run, step, layer, expert
      ORDER BY tokens * LN(lift) DESC, next_expert
    ) AS place
  FROM routing_flow
  WHERE domain = 'all'
) AS ranked
WHERE place = 1
ORDER BY run, step, layer, expert
