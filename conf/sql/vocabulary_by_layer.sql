-- How far the first choice follows the token, by layer: input, next and predicted token, less what shuffled choices give.
SELECT
  run, step, layer, kind, frequent_ids, frequent_score, frequent_score_shuffled,
  frequent_score - frequent_score_shuffled AS beyond_shuffled
FROM vocabulary_summary
ORDER BY run, step, layer, kind
