#!/usr/bin/env python3
"""Prints the URLs that have no final outcome yet: missing.py URLS LINES

None is final where there is no line, where the line was cut off, and where another try may succeed.
"""

import json
import sys

done = set()
with open(sys.argv[2]) as lines:
    for text in lines:
        # Only the last line of a killed process can lack its end.
        if text.endswith("\n"):
            line = json.loads(text)
            if not (line["error"] and line["error"]["retryable"]):
                done.add(line["url"])
with open(sys.argv[1]) as urls:
    sys.stdout.writelines(url for url in urls if url.strip() not in done)
