-- Layers by the information that domain and expert share, less what shuffled labels reach.
SELECT
  run, step, layer,
  mutual_information,
  permutation_q99,
  mutual_information - permutation_q99 AS beyond_shuffled,
  mutual_information_normalised,
  permutation_p
FROM layer_summary
ORDER BY run, step, beyond_shuffled DESC, layer
