-- Every run at its last step: loss, mutual information over the layers, and load.
WITH last_step AS (
  SELECT run, MAX(step) AS step
  FROM layer_summary
  GROUP BY run
)
SELECT
  s.run, s.step,
  MIN(d.loss) AS loss,
  AVG(s.mutual_information) AS mean_mutual_information,
  MAX(s.mutual_information) AS highest_mutual_information,
  SUM(CASE WHEN s.mutual_information > s.permutation_q99 THEN 1 ELSE 0 END) AS specialised_layers,
  MAX(s.highest_domain_frequency) AS highest_domain_frequency,
  MAX(s.max_vio) AS highest_max_vio,
  SUM(s.dead_experts) AS dead_experts
FROM layer_summary AS s
JOIN last_step AS l ON l.run = s.run AND l.step = s.step
JOIN domain_loss AS d ON d.run = s.run AND d.step = s.step AND d.domain = 'all'
GROUP BY s.run, s.step
ORDER BY s.run
