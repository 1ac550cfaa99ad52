"""A small corpus of real text: JSONL out of artifacts that Maven has fetched.

corpus.py TARGET MEGABYTES DOMAIN=ARCHIVE:PATTERN ...   one file per domain, the archive's entries in their order
"""

import fnmatch
import json
import pathlib
import sys
import zipfile

target, most = pathlib.Path(sys.argv[1]), float(sys.argv[2]) * 1e6
target.mkdir(parents=True, exist_ok=True)
for source in sys.argv[3:]:
    domain, place = source.split("=", 1)
    archive, pattern = place.rsplit(":", 1)
    size = documents = 0
    with zipfile.ZipFile(archive) as entries, open(target / f"{domain}.jsonl", "w", encoding="utf-8") as out:
        for name in sorted(entries.namelist()):
            if fnmatch.fnmatch(name, pattern) and size < most:
                text = entries.read(name).decode("utf-8", errors="replace")
                for start in range(0, len(text), 4000):  # documents of a size, so that held-out text has some of each
                    piece = text[start : start + 4000]
                    out.write(json.dumps({"domain": domain, "text": piece}) + "\n")
                    size += len(piece)
                    documents += 1
    if documents < 20:
        sys.exit(f"{archive}: only {documents} documents match {pattern}")
