"""What pytest is doing, a line of JSON for each step, for who waits outside.

PYTEST_DONT_REWRITE

Whoever started this pytest names a file in the environment; it is appended to
with single writes, by this process and by the workers of pytest-xdist. Nothing
here may disturb the tests, nor the programs that they start:

- the names by which we came into the environment are taken out again at once;
- a fork of this process is not this process: it writes how the test failed in
  it that made it, and what led out of the tree, nothing else;
- a test may close all descriptors: ours is looked at before each write;
- a test may stop the clock: there is no time in what we write;
- whatever goes wrong here, the tests go on, and the file says less.
"""

import atexit
import json
import os
import sys

import pytest

EVENTS = "RUNBOOK_PYTEST_EVENTS"
IMPORTS = "RUNBOOK_PYTEST_IMPORTS"  # the tree that is tested; "" = it does not matter where code is imported from
ORIGINAL = "RUNBOOK_PYTEST_ORIGINAL"  # another, of which that is a copy; "" = of none
SHORT = 400  # characters of a message
LONG = 12000  # of the text of a failure
MOST = 100  # programs, and paths to the original, that are told
WORDS = 50  # of a program


def take_environment():
    """Returns the file to write to, "" for none, and the trees, and leaves no trace of us."""
    path = os.environ.pop(EVENTS, "")
    trees = [os.environ.pop(IMPORTS, ""), os.environ.pop(ORIGINAL, "")]
    here = os.path.dirname(os.path.abspath(__file__))
    first, _, rest = os.environ.get("PYTHONPATH", "").partition(os.pathsep)
    if path and first == here:
        if rest:
            os.environ["PYTHONPATH"] = rest
        else:
            del os.environ["PYTHONPATH"]
    return path, trees


class Line:
    """The file, as far as it can be written to."""

    def __init__(self, path):
        self.path = path
        self.pid = os.getpid()
        self.worker = ""
        self.fd = -1
        self.file = None

    def open(self):
        self.fd = os.open(self.path, os.O_WRONLY | os.O_APPEND)  # not inherited by programs
        self.file = os.fstat(self.fd)

    def write(self, text, forked=False):
        if not self.path or os.getpid() != self.pid and not forked:
            return
        try:
            data = text.encode("ascii", "replace")
            try:
                now = os.fstat(self.fd)
                if now.st_ino != self.file.st_ino or now.st_dev != self.file.st_dev:
                    self.open()
            except (OSError, AttributeError):
                self.open()
            os.write(self.fd, data)
        except OSError:
            pass  # a full disk, a removed directory: less is known, nothing else

    def say(self, event, forked=False, **more):
        """Writes an event of which there are few."""
        more.update(e=event, w=self.worker)
        self.write(json.dumps(more) + "\n", forked)


PATH, TREES = take_environment()
LINE = Line(PATH)
if LINE.path:
    LINE.say("boot", pid=LINE.pid, ppid=os.getppid(), python=sys.executable, version="%d.%d.%d" % sys.version_info[:3], pytest=pytest.__version__)
    atexit.register(LINE.say, "exit")  # the first to be registered is the last to be called


class State:
    """The test that runs."""

    nodeid = ""
    quoted = '""'
    outcome = ""
    phase = ""
    duration = 0.0
    message = text = ""
    before = ("", "")  # message and text of an attempt that was run again
    reruns = 0
    ran = 0  # tests that were more than deselected, here or in workers
    controller = False  # of xdist: the workers tell
    start = ""  # the directory in which pytest was started


NOW = State()


def pytest_configure(config):
    worker = getattr(config, "workerinput", None)
    NOW.start = str(config.invocation_params.dir)
    if worker is None:
        LINE.say("root", root=str(config.rootpath), start=str(config.invocation_params.dir))
    if worker is None or "runbook_events" not in worker:
        return
    LINE.path, LINE.pid, LINE.worker = worker["runbook_events"], os.getpid(), worker["workerid"]
    watch_imports(worker["runbook_imports"])
    LINE.say("boot", pid=LINE.pid, ppid=os.getppid(), python=sys.executable, version="%d.%d.%d" % sys.version_info[:3], pytest=pytest.__version__)
    atexit.register(LINE.say, "exit")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    node.workerinput["runbook_events"] = LINE.path
    node.workerinput["runbook_imports"] = TREES


def watch_imports(trees):
    """Begins to notice what sys.modules does not tell: programs, which import on their own, and paths to the original."""
    global TREES
    TREES = trees
    code, original = trees
    if not code or not hasattr(sys, "addaudithook"):
        return
    below = (original or "\0") + os.sep
    told = set()

    def reach(how, path):
        if type(path) is not str:
            path = os.fsdecode(path)
        if (path == original or path.startswith(below)) and (how, path) not in told and len(told) < MOST:
            told.add((how, path))
            LINE.say("reach", True, how=how, to=path)

    def program(args, cwd=None, env=None):
        words = [args] if isinstance(args, (str, bytes)) else list(args)
        words = [os.fsdecode(w)[:LONG] for w in words][:WORDS]
        cwd = os.fsdecode(cwd) if cwd is not None else ""
        path = (os.environ if env is None else env).get("PYTHONPATH", "")
        row = tuple(words), cwd, path
        if row not in told and (len(told) < MOST or original and original in repr(row) and len(told) < 10 * MOST):
            told.add(row)
            LINE.say("program", True, args=words, cwd=cwd, path=path)

    def hook(event, args):
        try:
            if event == "open":
                if type(args[0]) is not int and original:
                    reach("open", args[0])
            elif event == "subprocess.Popen":
                program(args[1], args[2], args[3])
            elif event in ("os.exec", "os.posix_spawn"):
                program(args[1], None, args[2])
            elif event == "os.spawn":
                program(args[2], None, args[3])
            elif event == "os.system":
                program(args[0])
            elif event in ("os.chdir", "sqlite3.connect", "ctypes.dlopen"):
                reach("chdir" if event == "os.chdir" else "open", args[0])
        except Exception:
            pass  # a path that is none, an environment of somebody's own making

    sys.addaudithook(hook)


def say_imports():
    """Tells where the topmost modules that have a file were imported from."""
    if not TREES[0]:
        return
    try:
        own = getattr(sys, "stdlib_module_names", ())
        seen, rows = set(), []
        for name in sorted(sys.modules):
            file = getattr(sys.modules[name], "__file__", None)
            parent = name.rpartition(".")[0]
            if parent in seen:
                seen.add(name)
            elif isinstance(file, str):
                seen.add(name)
                if name.partition(".")[0] not in own:
                    rows.append([name, os.path.abspath(file), os.path.realpath(file)])
        LINE.say("imports", mods=rows)
        for way in ("spawn_posix", "forkserver"):
            if "multiprocessing.popen_" + way in sys.modules:
                LINE.say("program", args=[sys.executable, "-c"], cwd="", path="")
    except Exception:
        pass  # a module of somebody's own making


watch_imports(TREES)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session):
    NOW.controller = session.config.pluginmanager.hasplugin("dsession")


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session):
    LINE.say("collect")


def pytest_collection_finish(session):
    LINE.say("collected", n=len(session.items))
    say_imports()


def pytest_collectreport(report):
    if report.failed and not NOW.controller:
        message, text = words(report)
        LINE.say("error", id=report.nodeid, m=message, x=text)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logstart(nodeid):
    if NOW.controller or os.getpid() != LINE.pid:
        NOW.nodeid = ""
        return
    NOW.nodeid, NOW.quoted = nodeid, json.dumps(nodeid)
    forget()
    NOW.reruns, NOW.before = 0, ("", "")
    LINE.write('{"e":"start","id":%s,"w":"%s"}\n' % (NOW.quoted, LINE.worker))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call():
    LINE.write('{"e":"call","w":"%s"}\n' % LINE.worker)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown():
    LINE.write('{"e":"teardown","w":"%s"}\n' % LINE.worker)


def forget():
    NOW.outcome = NOW.phase = NOW.message = NOW.text = ""
    NOW.duration = 0.0


def pytest_runtest_logreport(report):
    if report.when == "???":  # xdist: the worker died
        node = getattr(report, "node", None)
        message, text = words(report)
        LINE.say("crash", id=report.nodeid, m=message, x=text, of=node.gateway.id if node else "")
        return
    if os.getpid() != LINE.pid:
        say_fork(report)
        return
    if report.when == "call" or report.when == "setup" and not report.passed:
        NOW.ran += 1
    if NOW.controller or report.nodeid != NOW.nodeid:
        return
    if report.skipped and hasattr(report, "context"):
        return  # a part of the test, by subTest or the fixture subtests: the rest was run
    if report.when == "setup":
        if NOW.outcome in ("failed", "error"):
            NOW.reruns += 1  # pytest-rerunfailures: another attempt
            NOW.before = NOW.message, NOW.text
        forget()
    NOW.duration += report.duration
    outcome = judge(report)
    # What is worse stays; a passed phase says nothing until the call has passed.
    if NOW.outcome in ("failed", "error"):
        return
    if outcome in ("failed", "error") or not NOW.outcome or NOW.outcome == "passed" and outcome != "passed":
        NOW.outcome, NOW.phase = outcome, report.when
        if outcome != "passed":
            NOW.message, NOW.text = words(report)


def say_fork(report):
    """Tells how a test failed in its child, which came back to us as a second pytest: nobody may look at its exit code."""
    crash = getattr(report.longrepr, "reprcrash", None)
    # sys.exit was meant to end the child. What it then runs once more is not its test.
    if report.failed and report.nodeid == NOW.nodeid and not (crash and crash.message.startswith("SystemExit")):
        message, text = words(report)
        LINE.say("forked", True, id=report.nodeid, o=judge(report), p=report.when, m=message, x=text)


def judge(report):
    xfail = hasattr(report, "wasxfail")
    if report.outcome == "rerun" or report.failed:
        return "failed" if report.when == "call" else "error"
    if report.skipped:
        return "xfailed" if xfail else "skipped"
    return "xpassed" if xfail and report.when == "call" else "passed"


@pytest.hookimpl(trylast=True)
def pytest_runtest_logfinish(nodeid):
    if NOW.controller or nodeid != NOW.nodeid:
        return
    if NOW.outcome == "passed" and not NOW.reruns:
        LINE.write('{"e":"end","id":%s,"o":"passed","d":%.6f,"w":"%s"}\n' % (NOW.quoted, NOW.duration, LINE.worker))
    else:
        message, text = (NOW.message, NOW.text) if NOW.message else NOW.before
        LINE.say("end", id=nodeid, o=NOW.outcome, p=NOW.phase, d=NOW.duration, m=message, x=text, r=NOW.reruns)
    NOW.nodeid = ""


def words(report):
    """Returns what a report says: in a line, and whole."""
    try:
        longrepr = report.longrepr
        if longrepr is None:
            return "", ""
        if isinstance(longrepr, tuple):  # a skip: path, line, reason
            return str(longrepr[2])[:SHORT], ""
        text = str(getattr(report, "longreprtext", longrepr))
        crash = getattr(longrepr, "reprcrash", None)
        if crash is not None:
            message = "%s:%s: %s" % (crash.path, crash.lineno, crash.message.strip().split("\n")[0])
        else:
            message = (text.strip().split("\n") or [""])[-1]
        return message[:SHORT], text[-LONG:]
    except Exception as e:  # a report of somebody's own making
        return "unreadable report: %r" % e, ""


def pytest_keyboard_interrupt(excinfo):
    try:
        text = str(excinfo.getrepr(style="short"))
    except Exception:
        text = ""
    LINE.say("interrupt", id=NOW.nodeid, m=excinfo.exconly()[:SHORT], x=text[-LONG:])


def pytest_internalerror(excrepr, excinfo):
    message = str(excrepr).strip().split("\n")[-1]
    LINE.say("internal", m=(place(excinfo) + message)[:SHORT], x=str(excrepr)[-LONG:])


def place(excinfo):
    """Returns where in the project an error within pytest came from: sys.exit in a file that is collected. "" = not in it."""
    try:
        for entry in reversed(list(excinfo.traceback)):
            file = os.path.relpath(str(entry.path), NOW.start)
            if not file.startswith(os.pardir) and "site-packages" not in file:
                return "%s:%d: " % (file, entry.lineno + 1)
    except Exception:
        pass
    return ""


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(exitstatus):
    say_imports()
    LINE.say("finish", code=int(exitstatus), n=NOW.ran)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    LINE.say("unconfigure")
