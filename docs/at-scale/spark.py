#!/usr/bin/env python3
"""Fetches a list of URLs under Spark: spark.py URLS INDEX SHARDS COUNT

INDEX becomes a directory of JSON lines, SHARDS a directory of WARC files; every machine has to reach both.
"""

import os
import shlex
import sys

from partition import number_of
from pyspark import SparkContext

here = os.path.dirname(os.path.abspath(__file__))


def block(number, urls):
    urls = list(urls)
    yield f"# {number:05} {len(urls)}"
    yield from urls


if __name__ == "__main__":
    urls, index, shards, count = *sys.argv[1:4], int(sys.argv[4])
    context = SparkContext(pyFiles=[f"{here}/partition.py"])
    command = shlex.join([f"{here}/block", os.path.abspath(shards)])
    # Without env, the command has no environment at all; without checkCode, a failure is the end of the data.
    keyed = context.textFile(urls).map(lambda url: (number_of(url, count), url))
    blocks = keyed.partitionBy(count, lambda number: number).values().mapPartitionsWithIndex(block)
    blocks.pipe(command, env=dict(os.environ), checkCode=True).saveAsTextFile(index)
