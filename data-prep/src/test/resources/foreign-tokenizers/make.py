"""Writes small tokenizers of the kinds in use and what Hugging Face tokenizers (0.23.3 was used) and tiktoken (0.14.0)
make of ../hugging-face/texts.json and of texts in which special tokens are written out.

pip install tokenizers tiktoken && python make.py RANKS
RANKS is a folder with tiktoken's vocabularies, NAME.tiktoken each; JTokkit's jar has them.
"""

import json
import pathlib
import sys

import tiktoken
from tiktoken.load import load_tiktoken_bpe
import tiktoken_ext.openai_public as public
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

here = pathlib.Path(__file__).parent
texts = json.loads((here / "../hugging-face/texts.json").read_text("utf-8"))
written_out = ["a <|endoftext|> b", "[CLS] kalo [SEP]", "x</s>y <s>", "<|fim_prefix|><|endofprompt|>"]


def gpt2():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<|endoftext|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return tokenizer


def bert():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(
        vocab_size=250, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]"]))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    # files carry these along, and they must not touch a document
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=16)
    return tokenizer


def t5():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.train_from_iterator(texts, trainers.UnigramTrainer(
        vocab_size=220, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>"))
    return tokenizer


def llama():
    alphabet = [f"<0x{b:02X}>" for b in range(256)]
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([
        decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.train_from_iterator([t for t in texts if t.isascii()] + ["kalo lomin terka pi doran " * 9],
                                  trainers.BpeTrainer(vocab_size=340, special_tokens=["<unk>", "<s>", "</s>"] + alphabet))
    file = json.loads(tokenizer.to_str())
    # the 256 bytes are ordinary tokens, not special ones
    file["added_tokens"] = [t for t in file["added_tokens"] if not t["content"].startswith("<0x")]
    return Tokenizer.from_str(json.dumps(file))


expected = {"texts": texts + written_out}
for make in (gpt2, bert, t5, llama):
    tokenizer = make()
    tokenizer.save(str(here / f"{make.__name__}.json"), pretty=False)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    expected[make.__name__] = [tokenizer.encode(t, add_special_tokens=False).ids for t in expected["texts"]]

ranks = pathlib.Path(sys.argv[1])
public.load_tiktoken_bpe = lambda url, **_: load_tiktoken_bpe(str(ranks / url.rsplit("/", 1)[1]))
public.data_gym_to_mergeable_bpe_ranks = lambda **_: load_tiktoken_bpe(str(ranks / "r50k_base.tiktoken"))
for name in ("r50k_base", "p50k_base", "cl100k_base", "o200k_base"):
    encoding = tiktoken.Encoding(**getattr(public, name)())
    expected[name] = [encoding.encode_ordinary(t) for t in expected["texts"]]
    converted = ranks / f"{name}.json"  # ForeignTokenizersTest.main writes it
    if converted.exists():
        tokenizer = Tokenizer.from_file(str(converted))
        tokenizer.encode_special_tokens = True
        assert [tokenizer.encode(t).ids for t in expected["texts"]] == expected[name], name
        assert tokenizer.get_vocab_size() and tokenizer.token_to_id("<|endoftext|>") == encoding.eot_token
        print(name, "converted: the same ids")
(here / "ids.json").write_text(json.dumps(expected) + "\n")
