-- Keeping a domain's own experts only: what the domain loses, what the others do, and as many random experts.
SELECT
  run, step, domain, kept_share, experts_kept,
  SUM(CASE WHEN evaluated_domain = domain THEN change * tokens ELSE 0 END)
    / SUM(CASE WHEN evaluated_domain = domain THEN tokens ELSE 0 END) AS own_change,
  SUM(CASE WHEN evaluated_domain <> domain THEN change * tokens ELSE 0 END)
    / SUM(CASE WHEN evaluated_domain <> domain THEN tokens ELSE 0 END) AS others_change,
  SUM(CASE WHEN evaluated_domain = domain THEN random_change * tokens ELSE 0 END)
    / SUM(CASE WHEN evaluated_domain = domain THEN tokens ELSE 0 END) AS random_change
FROM expert_ablation
GROUP BY run, step, domain, kept_share, experts_kept
HAVING SUM(CASE WHEN evaluated_domain = domain THEN tokens ELSE 0 END) > 0
  AND SUM(CASE WHEN evaluated_domain <> domain THEN tokens ELSE 0 END) > 0
ORDER BY run, step, domain, kept_share DESC
