"""Prints what runbook's plugin adds to a test, in microseconds of processor time.

Called with the plugin's directory, with its file named in the environment.
"""

import sys
import time

from _pytest.config import PytestPluginManager

sys.path.insert(0, sys.argv[1])
import runbook_pytest

TESTS = 4000


class Report:
    outcome = "passed"
    passed, failed, skipped = True, False, False
    duration = 0.001
    longrepr = None

    def __init__(self, nodeid, when):
        self.nodeid, self.when = nodeid, when


def tests(pm):
    """Calls the hooks of some tests, as pytest does."""
    h = pm.hook
    ids = ["tests/test_something.py::TestCase::test_%d[param-%d]" % (i, i) for i in range(TESTS)]
    reports = [[Report(i, when) for when in ("setup", "call", "teardown")] for i in ids]
    location = ("tests/test_something.py", 1, "test")
    item = object()
    began = time.process_time()
    for nodeid, (setup, call, teardown) in zip(ids, reports):
        h.pytest_runtest_logstart(nodeid=nodeid, location=location)
        h.pytest_runtest_logreport(report=setup)
        h.pytest_runtest_call(item=item)
        h.pytest_runtest_logreport(report=call)
        h.pytest_runtest_teardown(item=item, nextitem=item)
        h.pytest_runtest_logreport(report=teardown)
        h.pytest_runtest_logfinish(nodeid=nodeid, location=location)
    return (time.process_time() - began) / TESTS * 1e6


without, with_it = PytestPluginManager(), PytestPluginManager()
with_it.register(runbook_pytest)
assert runbook_pytest.LINE.path
print("%.1f" % (min(tests(with_it) for _ in range(5)) - min(tests(without) for _ in range(5))))
