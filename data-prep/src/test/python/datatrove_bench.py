"""Cleaning and deduplication by datatrove, on text that CleaningBenchmark reads as well.

    python3 -m venv VENV && VENV/bin/pip install datatrove==0.10.1 orjson spacy nltk tokenizers xxhash==3.5.0 numpy regex tldextract fasteners
    VENV/bin/python datatrove_bench.py make bench.jsonl 40     # seeded text, megabytes
    VENV/bin/python datatrove_bench.py run bench.jsonl DIRECTORY filters minhash

One task, one process: figures are megabytes of text per second of CPU time.
"""

import json
import os
import random
import shutil
import sys
import time

STOP_WORDS = ["the", "be", "to", "of", "and", "that", "have", "with"]
SYLLABLES = ["ka", "lo", "min", "ter", "es", "vu", "ran", "pi", "do", "sche", "ing", "al", "tion", "re", "un", "er", "st"]


def words(rng):
    made_up = {"".join(rng.choice(SYLLABLES) for _ in range(rng.randint(1, 4))) for _ in range(20000)}
    return sorted(made_up)


def paragraph(rng, vocabulary, sentences):
    lines = []
    for _ in range(sentences):
        sentence = []
        for _ in range(rng.randint(6, 25)):
            if rng.random() < 0.3:
                sentence.append(rng.choice(STOP_WORDS))
            else:
                sentence.append(vocabulary[int(len(vocabulary) * rng.random() ** 2)])
        lines.append(" ".join(sentence).capitalize() + rng.choice([".", ".", ".", "?", "!"]))
    return lines


def document(rng, vocabulary):
    paragraphs = []
    for _ in range(rng.randint(2, 10)):
        lines = paragraph(rng, vocabulary, rng.randint(2, 8))
        paragraphs.append("\n".join(lines) if rng.random() < 0.3 else " ".join(lines))
    return paragraphs


def changed(rng, vocabulary, paragraphs):
    """The same document with a few other words."""
    text = "\n\n".join(paragraphs).split(" ")
    for _ in range(max(1, len(text) // 100)):
        text[rng.randrange(len(text))] = rng.choice(vocabulary)
    return " ".join(text)


def make(path, megabytes):
    rng = random.Random(20261123)
    vocabulary = words(rng)
    earlier = []
    size = 0
    with open(path, "w", encoding="utf-8") as out:
        number = 0
        while size < megabytes * 1_000_000:
            kind = rng.random()
            if kind < 0.05 and earlier:  # a near-duplicate
                text = changed(rng, vocabulary, rng.choice(earlier))
            elif kind < 0.10:  # what the filters are for
                text = "\n".join(["click here ..."] * rng.randint(5, 200)) + " ".join(rng.choices(vocabulary, k=30))
            else:
                paragraphs = document(rng, vocabulary)
                text = "\n\n".join(paragraphs)
                if len(earlier) < 5000:
                    earlier.append(paragraphs)
            out.write(json.dumps({"text": text, "domain": "made-up", "id": str(number)}) + "\n")
            size += len(text.encode("utf-8"))
            number += 1


def cpu_time():
    """Seconds of this process and of the workers that it has started."""
    return sum(os.times()[:4])


def timed(name, megabytes, executors):
    cpu, wall = cpu_time(), time.time()
    for executor in executors:
        executor.run()
    cpu, wall = cpu_time() - cpu, time.time() - wall
    print(f"datatrove {name:18} {cpu:8.2f} CPU s {megabytes / cpu:8.2f} MB per CPU s   ({wall:.1f} s)", flush=True)


def run(path, directory, parts):
    import logging

    from datatrove.executor.local import LocalPipelineExecutor
    from datatrove.pipeline.dedup import MinhashDedupSignature
    from datatrove.pipeline.dedup.minhash import (
        MinhashConfig,
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
    )
    from datatrove.pipeline.filters import C4QualityFilter, GopherQualityFilter, GopherRepetitionFilter
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.utils.logging import logger

    logger.disable("datatrove")
    logging.disable(logging.CRITICAL)
    shutil.rmtree(directory, ignore_errors=True)
    with open(path, encoding="utf-8") as lines:
        megabytes = sum(len(json.loads(line)["text"].encode("utf-8")) for line in lines) / 1e6
    folder, name = os.path.split(os.path.abspath(path))

    def counter(label):
        def count(data, rank=0, world_size=1):
            number = 0
            for item in data:
                number += 1
                yield item
            print(f"datatrove keeps {number} documents {label}", flush=True)

        return count

    def executor(*steps, tasks=1):
        number = len(os.listdir(directory)) if os.path.isdir(directory) else 0
        return LocalPipelineExecutor(
            list(steps), tasks=tasks, workers=1, logging_dir=f"{directory}/log{number}-{time.time_ns()}"
        )

    def reader():
        return JsonlReader(folder, glob_pattern=name)

    # the first run loads the tokenizer
    os.makedirs(directory)
    warm_up = f"{directory}/warm-up.jsonl"
    with open(path, encoding="utf-8") as lines, open(warm_up, "w", encoding="utf-8") as out:
        out.writelines(line for _, line in zip(range(20), lines))
    executor(
        JsonlReader(directory, glob_pattern="warm-up.jsonl"), GopherRepetitionFilter(), GopherQualityFilter()
    ).run()

    if "filters" in parts:
        timed("read", megabytes, [executor(reader())])
        timed(
            "read and filters",
            megabytes,
            [executor(reader(), GopherRepetitionFilter(), GopherQualityFilter(), C4QualityFilter(), counter("after the filters"))],
        )
    if "minhash" in parts:
        config = MinhashConfig(n_grams=5, num_buckets=14, hashes_per_bucket=8)
        minhash = f"{directory}/minhash"
        timed("MinHash signature", megabytes, [executor(reader(), MinhashDedupSignature(f"{minhash}/signatures", config))])
        timed(
            "MinHash the rest",
            megabytes,
            [
                executor(MinhashDedupBuckets(f"{minhash}/signatures", f"{minhash}/buckets", config=config), tasks=14),
                executor(MinhashDedupCluster(f"{minhash}/buckets", f"{minhash}/remove", config=config)),
            ],
        )
        executor(reader(), MinhashDedupFilter(f"{minhash}/remove"), counter("without near-duplicates")).run()


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(sys.argv[2], int(sys.argv[3]))
    else:
        run(sys.argv[2], sys.argv[3], sys.argv[4:])
