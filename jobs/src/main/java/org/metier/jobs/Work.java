package org.metier.jobs;

import java.util.List;

/**
 * What a job makes of what: as long as all of it is as it was when the job succeeded, there is
 * nothing to do.
 *
 * @param sections of the configuration that the result depends on
 * @param inputs files and directories that are read
 * @param outputs files and directories that are made, or those that stand for them
 */
record Work(List<String> sections, List<String> inputs, List<String> outputs) {}
