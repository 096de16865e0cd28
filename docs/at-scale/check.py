#!/usr/bin/env python3
"""Checks what a recipe has made: check.py URLS INDEX SHARDS

Every URL is in the index once, every shard can be read to its end, every line's record is where it says, and
the shards hold no response that is not in the index.
"""

import collections
import json
import os
import sys

from warcio.archiveiterator import ArchiveIterator


def responses(path):
    """Where the responses of a shard begin, and of which URL they are."""
    with open(path, "rb") as file:
        records = ArchiveIterator(file, check_digests="raise")
        for record in records:
            record.content_stream().read()
            if record.rec_type in ("response", "revisit"):
                yield records.get_record_offset(), record.rec_headers["WARC-Target-URI"]


urls_path, index_path, shards = sys.argv[1:]
with open(urls_path) as file:
    urls = sorted(file.read().split())
with open(index_path) as file:
    lines = [json.loads(line) for line in file]
assert sorted(line["url"] for line in lines) == urls, "not every URL is in the index once"

recorded = collections.defaultdict(list)
for line in lines:
    assert line["exit"] == (8 if "/missing/" in line["url"] else 0), line
    recorded[os.path.basename(line["warc"]["file"])].append((line["warc"]["offset"], line["url"]))
assert sorted(recorded) == sorted(os.listdir(shards)), "the shards are not those of the index"
for name, expected in recorded.items():
    assert sorted(expected) == list(responses(os.path.join(shards, name))), name
print(f"{len(lines)} URLs, each once in the index and once in one of {len(recorded)} shards")
