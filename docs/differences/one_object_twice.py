"""A memoized call gets a list of two equal values: does it matter whether they are one object?

python one_object_twice.py cocoindex|cocoindex_sim
"""

import importlib
import sys

coco = importlib.import_module(sys.argv[1])
one, other = [1], [1]
same = coco.memo_fingerprint([one, one]) == coco.memo_fingerprint([one, other])
print("one object twice, two equal objects:", "one key" if same else "two keys")
