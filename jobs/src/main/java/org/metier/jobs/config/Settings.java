package org.metier.jobs.config;

import org.metier.analysis.AnalyzeConfig;
import org.metier.model.ModelConfig;
import org.metier.prep.PrepareConfig;
import org.metier.prep.read.CorpusConfig;
import org.metier.train.EngineConfig;
import org.metier.train.TrainConfig;

/**
 * Everything that one run is told, one record per section. The records are the schema: a key that
 * is no component of theirs is an error, and every default stands in {@code metier-defaults.conf}.
 */
public record Settings(
    RunConfig run,
    CorpusConfig corpus,
    PrepareConfig prepare,
    EngineConfig engine,
    ModelConfig model,
    TrainConfig train,
    AnalyzeConfig analyze,
    QueryConfig query,
    StatusConfig status,
    BenchConfig bench,
    SparkConfig spark) {}
