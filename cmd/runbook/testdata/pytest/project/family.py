"""Programs that are hard to end, as text: the tests give it to python -c."""

DEAF = """
import os, signal, time
for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(s, signal.SIG_IGN)

def forever():
    while True:
        time.sleep(60)

def setsid(do):
    if os.fork() == 0:
        os.setsid()
        do()

def double_fork(do):
    pid = os.fork()
    if pid == 0:
        if os.fork() == 0:
            os.setsid()
            do()
        os._exit(0)
    os.waitpid(pid, 0)

"""
