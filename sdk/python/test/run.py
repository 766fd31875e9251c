"""Runs the tests beside it; the last line counts them."""

import logging
import sys
import unittest

# Provoked errors are told of here, and nowhere else.
logging.getLogger("weir").addHandler(logging.NullHandler())
logging.getLogger("weir").propagate = False

loader = unittest.defaultTestLoader
names = sys.argv[1:]
suite = loader.loadTestsFromNames(names) if names else loader.discover(".")
result = unittest.TextTestRunner(stream=sys.stderr, verbosity=1).run(suite)
failed = len(result.failures) + len(result.errors)
print(f"{result.testsRun - failed} passed, {failed} failed")
sys.exit(1 if failed or result.testsRun == 0 else 0)
