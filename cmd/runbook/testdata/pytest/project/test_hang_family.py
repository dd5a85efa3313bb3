import subprocess
import sys

from family import DEAF


def test_family():
    """Waits for a child that ignores every signal that can be ignored, and whose children sit in other sessions."""
    subprocess.run([sys.executable, "-c", DEAF + "setsid(forever); double_fork(forever); forever()"])
