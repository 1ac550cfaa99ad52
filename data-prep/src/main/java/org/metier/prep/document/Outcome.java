package org.metier.prep.document;

import java.io.Serializable;

/** What became of one record of the input: a document, or a rejection that says why not. */
public sealed interface Outcome extends Serializable permits Document, Rejected {}
