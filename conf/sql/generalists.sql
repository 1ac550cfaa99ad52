-- Experts that serve every domain about alike: no lift above 1.5 and none below 2/3.
SELECT run, step, layer, expert, SUM(tokens) AS tokens, MIN(lift) AS lowest_lift, MAX(lift) AS highest_lift
FROM expert_domain
GROUP BY run, step, layer, expert
HAVING MAX(lift) <= 1.5 AND MIN(lift) >= 2.0 / 3.0
ORDER BY run, step, layer, expert
