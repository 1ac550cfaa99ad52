package org.metier.train;

import java.io.Serializable;

/** What a worker needs to know about a round beside its parameters. */
record RoundStart(
    long round, long step, long position, long momentSteps, GlobalFrequencies frequencies)
    implements Serializable {}
