import os

import pytest


@pytest.mark.parametrize("n", range(int(os.environ.get("MANY", "200"))))
def test_quick(n):
    pass
