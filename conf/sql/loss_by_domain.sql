-- Held-out loss of each domain beside the entropy of its token frequencies, worst gain first.
SELECT run, step, domain, tokens, loss, perplexity, bits_per_byte, unigram_entropy, gain
FROM domain_loss
ORDER BY run, step, gain, domain
