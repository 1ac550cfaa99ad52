-- Is it the domain or the kind of token? Information about the expert, bias-corrected, and what the domain adds to the class.
SELECT
  run, step, layer,
  mutual_information_corrected AS domain_bits,
  token_class_corrected AS token_class_bits,
  token_class_shuffled,
  domain_given_class_corrected AS domain_beyond_class_bits,
  domain_given_class_permutation_q99 AS shuffled_q99
FROM layer_summary
ORDER BY run, step, layer
