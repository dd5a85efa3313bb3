"""An actor as its parent and the kernel see one: reads what it is sent, and arms its epoll for the next.

The deaf one reads a greeting and never again. All end with the connection.
"""
import select
import socket
import sys

name = sys.argv[sys.argv.index("--uid") + 1].split("'")[1]
port = int(sys.argv[-1].strip(")").split(",")[1])
own = socket.create_server(("127.0.0.1", 0))
wakeup, wakes = socket.socketpair()
parent = socket.create_connection(("127.0.0.1", port))
parent.recv(1)

loop = select.epoll()
for s in own, wakes:
    loop.register(s, select.EPOLLIN | select.EPOLLONESHOT)
loop.register(parent, select.EPOLLONESHOT if name == "deaf" else select.EPOLLIN | select.EPOLLONESHOT)
while True:
    for fd, events in loop.poll():
        if fd == parent.fileno() and (events & select.EPOLLHUP or not parent.recv(1 << 16)):
            sys.exit()
        loop.modify(fd, select.EPOLLIN | select.EPOLLONESHOT)
