-- How much of a token's first k experts an earlier checkpoint had already, and how specialised it was.
SELECT
  run, step, checkpoint_step, k,
  AVG(overlap) AS mean_overlap,
  MIN(overlap) AS lowest_overlap,
  MAX(overlap) AS highest_overlap,
  AVG(chance) AS chance,
  AVG(mutual_information_corrected) AS mean_mutual_information
FROM saturation
GROUP BY run, step, checkpoint_step, k
ORDER BY run, step, checkpoint_step, k
