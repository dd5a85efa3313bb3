import subprocess
import sys

from family import DEAF


def test_leaves_a_daemon():
    """One that listens."""
    subprocess.run([sys.executable, "-c", DEAF + """
import socket, sys
s = socket.create_server(("127.0.0.1", 0))
double_fork(forever)
"""], check=True)
