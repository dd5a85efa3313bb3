import os
import signal
import subprocess
import sys


def test_waits_for_a_stopped_child():
    subprocess.run([sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"])
