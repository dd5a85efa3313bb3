import os
import socket
import time
import uuid


def test_leaves_files():
    name = "runbook-test-" + uuid.uuid4().hex[:8]
    s = socket.socket(socket.AF_UNIX)
    s.bind(os.path.join(os.environ["XDG_RUNTIME_DIR"], name + ".sock"))
    s.listen()
    here = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    here.bind(name + ".here")
    with open("/dev/shm/" + name, "w") as f:
        f.write("x" * 4096)
        time.sleep(1)  # that it is seen whose they are
    print(name)
