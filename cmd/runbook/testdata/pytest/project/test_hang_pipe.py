import subprocess
import sys


def test_output_pipe():
    """The child prints more than a pipe holds, and nobody reads."""
    child = subprocess.Popen([sys.executable, "-c", "print('x' * 10**6)"], stdout=subprocess.PIPE)
    child.wait()
