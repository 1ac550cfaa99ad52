-- Experts that handle less than half of an even load; those without a token come first.
SELECT l.run, l.step, l.layer, l.expert, l.tokens, l.share, l.share * s.num_experts AS share_of_even_load
FROM expert_load AS l
JOIN layer_summary AS s ON s.run = l.run AND s.step = l.step AND s.layer = l.layer
WHERE l.share * s.num_experts < 0.5
ORDER BY l.run, l.step, l.tokens, l.layer, l.expert
