-- The class of tokens that each expert prefers most, with the interval of its share of that class.
SELECT run, step, layer, expert, token_class, tokens, lift, share, ci_low, ci_high
FROM (
  SELECT
    run, step, layer, expert, token_class, tokens, lift, share, ci_low, ci_high,
    ROW_NUMBER() OVER (
      PARTITION BY run, step, layer, expert
      ORDER BY tokens * LN(lift) DESC, token_class
    ) AS place
  FROM expert_token_class
  WHERE tokens > 0
) AS ranked
WHERE place = 1
ORDER BY run, step, layer, expert
