"""Writes ids.json: what Hugging Face tokenizers (0.23.3 was used) makes of texts.json.

HuggingFaceFixture writes the two inputs; then: pip install tokenizers && python ids.py
"""

import json
import pathlib

import tokenizers

here = pathlib.Path(__file__).parent
tokenizer = tokenizers.Tokenizer.from_file(str(here / "tokenizer.json"))
texts = json.loads((here / "texts.json").read_text("utf-8"))
ids = [tokenizer.encode(text).ids for text in texts]
assert [tokenizer.decode(i) for i in ids] == texts
(here / "ids.json").write_text(json.dumps(ids) + "\n")
