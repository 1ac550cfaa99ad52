package org.metier.jobs.config;

import java.util.List;

/**
 * The {@code report} section.
 *
 * @param beside directories of further runs that the report shows beside this one
 */
public record ReportConfig(List<String> beside) {}
