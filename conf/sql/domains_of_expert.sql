-- The two domains that each expert prefers, with the interval of its share of them.
SELECT run, step, layer, expert, place, domain, lift, share, ci_low, ci_high
FROM (
  SELECT
    run, step, layer, expert, domain, lift, share, ci_low, ci_high,
    ROW_NUMBER() OVER (
      PARTITION BY run, step, layer, expert
      ORDER BY lift DESC, domain
    ) AS place
  FROM expert_domain
  WHERE tokens > 0
) AS ranked
WHERE place <= 2
ORDER BY run, step, layer, expert, place
