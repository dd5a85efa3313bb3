"""A test run with twelve actors, until its stdin ends. Says the pids of all."""
import os
import select
import socket
import subprocess
import sys
import uuid

server = socket.create_server(("127.0.0.1", 0))
addr = str(server.getsockname())
loop = select.epoll()
kids, conns = [], []
for i in range(12):
    name = "deaf" if i == 3 else f"actor_{i}"
    kids.append(subprocess.Popen(["python3", "-m", "tractor._child", "--uid", f"('{name}', '{uuid.uuid4()}')", "--parent_addr", addr],
                                 executable=sys.executable, stdin=subprocess.DEVNULL))
    conns.append(server.accept()[0])
    conns[i].send(b"!")  # nobody connects before the one before
    loop.register(conns[i], select.EPOLLIN | select.EPOLLONESHOT)
for c in conns:
    c.send(bytes(45_000))
loop.register(0, select.EPOLLIN)
print(os.getpid(), *(k.pid for k in kids), sep=",", flush=True)
while True:
    if any(fd == 0 for fd, _ in loop.poll()):
        break
for k in kids:
    k.kill()
    k.wait()
