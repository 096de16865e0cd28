#!/usr/bin/env python3
"""Cuts a list of URLs into blocks by host: partition.py COUNT DIR < URLS

All URLs of a host are in the same block, on every machine and in every run.
"""

import collections
import os
import sys
import urllib.parse
import zlib


def number_of(url, count):
    host = urllib.parse.urlsplit(url).hostname or ""
    # Python's own hash of a string differs from process to process.
    return zlib.crc32(host.encode()) % count


if __name__ == "__main__":
    count, directory = int(sys.argv[1]), sys.argv[2]
    blocks = collections.defaultdict(list)
    for url in sys.stdin:
        blocks[number_of(url, count)].append(url)
    os.makedirs(directory, exist_ok=True)
    for number in range(count):
        with open(f"{directory}/{number:05}", "w") as file:
            file.write(f"# {number:05} {len(blocks[number])}\n")
            file.writelines(blocks[number])
