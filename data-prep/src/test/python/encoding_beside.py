"""The other side of EncodingBenchmark: python encoding_beside.py DIRECTORY

pip install tokenizers tiktoken; cl100k_base needs tiktoken's vocabulary, once from the network (TIKTOKEN_CACHE_DIR).
"""

import json
import os
import pathlib
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"  # one thread
import tiktoken
import tokenizers

directory = pathlib.Path(sys.argv[1])
texts = json.loads((directory / "texts.json").read_text("utf-8"))
size = sum(len(text.encode()) for text in texts)
tokenizer = tokenizers.Tokenizer.from_file(str(directory / "tokenizer.json"))


def measure(name, encode):
    start = time.perf_counter()
    tokens = encode()
    seconds = time.perf_counter() - start
    print(f"{name:<40} {size / 1e6 / seconds:8.2f} MB/s {tokens:12,d} tokens", flush=True)


def one_by_one():
    return sum(len(tokenizer.encode(text)) for text in texts)


def batches(encode_batch):
    return sum(len(e) for i in range(0, len(texts), 1000) for e in encode_batch(texts[i:i + 1000]))


measure("Hugging Face, encode", one_by_one)
measure("Hugging Face, encode_batch", lambda: batches(tokenizer.encode_batch))
measure("Hugging Face, encode_batch_fast", lambda: batches(tokenizer.encode_batch_fast))
try:
    encoding = tiktoken.get_encoding("cl100k_base")
    measure("cl100k_base, tiktoken", lambda: sum(len(encoding.encode_ordinary(text)) for text in texts))
except OSError as e:
    print("cl100k_base, tiktoken: not measured:", str(e).splitlines()[0][:100])
