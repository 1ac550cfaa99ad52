-- How many experts two domains share: Jaccard index of those that each uses at twice the even frequency k/E or more.
WITH used AS (
  SELECT d.run, d.step, d.layer, d.expert, d.domain
  FROM expert_domain AS d
  JOIN layer_summary AS s ON s.run = d.run AND s.step = d.step AND s.layer = d.layer
  WHERE d.frequency * s.num_experts >= 2.0 * s.top_k
),
sizes AS (
  SELECT run, step, domain, COUNT(*) AS experts
  FROM used
  GROUP BY run, step, domain
),
common AS (
  SELECT a.run, a.step, a.domain AS domain_a, b.domain AS domain_b, COUNT(*) AS experts
  FROM used AS a
  JOIN used AS b
    ON b.run = a.run AND b.step = a.step AND b.layer = a.layer AND b.expert = a.expert AND b.domain > a.domain
  GROUP BY a.run, a.step, a.domain, b.domain
)
SELECT
  c.run, c.step, c.domain_a, c.domain_b, c.experts AS shared_experts,
  CAST(c.experts AS DOUBLE) / (x.experts + y.experts - c.experts) AS jaccard
FROM common AS c
JOIN sizes AS x ON x.run = c.run AND x.step = c.step AND x.domain = c.domain_a
JOIN sizes AS y ON y.run = c.run AND y.step = c.step AND y.domain = c.domain_b
ORDER BY c.run, c.step, jaccard DESC, c.domain_a, c.domain_b
