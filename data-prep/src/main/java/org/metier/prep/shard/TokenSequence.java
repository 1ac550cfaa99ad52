package org.metier.prep.shard;

/**
 * One packed sequence of T input tokens. The arrays belong to the reader: they must not be changed.
 *
 * @param tokens T + 1 token ids; input t is {@code tokens[t]}, its target {@code tokens[t + 1]}
 * @param documentStart T positions: where in the row the document of input token t begins, 0 if it
 *     began before the row; attention never looks further back
 * @param domains T indices into {@link ShardManifest#domains()}
 */
public record TokenSequence(int[] tokens, int[] documentStart, int[] domains) {}
