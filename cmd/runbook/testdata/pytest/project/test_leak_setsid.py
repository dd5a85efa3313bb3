import os
import subprocess
import sys

from family import DEAF


def test_leaves_a_child():
    subprocess.Popen([sys.executable, "-c", DEAF + "forever()"], start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
