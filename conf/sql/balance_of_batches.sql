-- Every run's loss, load and specialisation: MaxVio of global batches (all workers, one step) and of a worker's own
-- micro-batches, and the swing, which is the share of a layer's load that changes its expert from round to round.
-- worst_round is the largest mean of a round, run_mean that of all rounds; the columns after it are of the last quarter.
WITH ends AS (
  SELECT run, MAX(round) AS rounds, MAX(max_vio_step) AS worst_round, AVG(max_vio_step) AS run_mean
  FROM train_metrics
  GROUP BY run
),
late AS (
  SELECT
    m.run,
    AVG(m.max_vio_step) AS max_vio_step,
    MAX(m.max_vio_step_largest) AS largest_step,
    AVG(m.max_vio) AS max_vio_own
  FROM train_metrics AS m
  JOIN ends AS e ON e.run = m.run
  WHERE m.round > 0.75 * e.rounds
  GROUP BY m.run
),
layer_swing AS (
  SELECT a.run, a.round, a.layer, SUM(ABS(b.share - a.share)) / 2 AS swing
  FROM train_expert_load AS a
  JOIN train_expert_load AS b
    ON b.run = a.run AND b.round = a.round + 1 AND b.layer = a.layer AND b.expert = a.expert
  JOIN ends AS e ON e.run = a.run
  WHERE a.round >= 0.75 * e.rounds
  GROUP BY a.run, a.round, a.layer
),
swings AS (
  SELECT run, AVG(swing) AS load_swing
  FROM layer_swing
  GROUP BY run
),
last_step AS (
  SELECT run, MAX(step) AS step
  FROM layer_summary
  GROUP BY run
),
information AS (
  SELECT s.run, AVG(s.mutual_information) AS mutual_information
  FROM layer_summary AS s
  JOIN last_step AS l ON l.run = s.run AND l.step = s.step
  GROUP BY s.run
)
SELECT
  d.run, d.step,
  d.loss AS held_out_loss,
  ends.worst_round, ends.run_mean,
  late.max_vio_step, late.largest_step, late.max_vio_own,
  swings.load_swing,
  information.mutual_information
FROM domain_loss AS d
JOIN last_step AS l ON l.run = d.run AND l.step = d.step
JOIN ends ON ends.run = d.run
JOIN late ON late.run = d.run
LEFT JOIN swings ON swings.run = d.run
JOIN information ON information.run = d.run
WHERE d.domain = 'all'
ORDER BY d.run
