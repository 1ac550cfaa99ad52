-- Saturation of all k choices by layer and checkpoint, with its interval and what chance gives.
SELECT s.run, s.step, s.layer, s.checkpoint_step, s.k, s.overlap, s.ci_low, s.ci_high, s.chance
FROM saturation AS s
JOIN layer_summary AS l ON l.run = s.run AND l.step = s.step AND l.layer = s.layer AND l.top_k = s.k
ORDER BY s.run, s.step, s.layer, s.checkpoint_step
