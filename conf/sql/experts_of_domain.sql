-- The three experts of each domain that are most its own, over all layers.
SELECT run, step, domain, place, layer, expert, frequency, lift
FROM (
  SELECT
    run, step, domain, layer, expert, frequency, lift,
    ROW_NUMBER() OVER (
      PARTITION BY run, step, domain
      ORDER BY share * LN(lift) DESC, layer, expert
    ) AS place
  FROM expert_domain
  WHERE tokens > 0
) AS ranked
WHERE place <= 3
ORDER BY run, step, domain, place
