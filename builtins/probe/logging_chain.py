"""Imports what is named, and tells through which handlers the records of a logger go.

argv: {"loggers": [NAME], "imports": [MODULE or FILE.py], "calls": ["MODULE:FUNCTION(ARGS)"]}

Nothing is logged. What `logging` would ask for each record is asked with a
sample record: the logger whether the level is on, filters whether it passes,
formatters for the text. What follows from the answers is told here; what it
means, elsewhere.
"""

import ast
import copy
import gc
import importlib
import importlib.util
import inspect
import json
import logging
import logging.handlers
import os
import re
import sys
import tempfile

SAMPLE = "runbook sample record"
ESCAPES = re.compile(r"\x1b\[[0-9;:]*[A-Za-z]")
LOGGING = os.path.dirname(logging.__file__) + os.sep
OURS = (__file__, sys.argv[0], os.path.join(os.path.dirname(__file__), "run.py"))

sites = {}  # id(handler) -> where it was made and added
kept = []  # handlers, so that no id is used twice, and what calls returned
doing = ""  # the import or call under way


def frames():
    """Returns who called into logging, innermost first, and by which of its functions."""
    stack, through, f = [], "", sys._getframe(2)
    while f:
        file, function = f.f_code.co_filename, f.f_code.co_name
        if file.startswith(LOGGING):
            if not stack:
                through = function
        elif file not in OURS and not file.startswith("<frozen ") and not (function == "addHandler" and not stack) and "/importlib/" not in file:
            stack.append({"file": os.path.abspath(file) if os.path.exists(file) else file, "line": f.f_lineno, "function": function})
        f = f.f_back
    return stack[:8], through


def leads(stream):
    """Returns (device, inode) of the open file behind a stream, None when there is none."""
    try:
        s = os.fstat(stream if isinstance(stream, int) else stream.fileno())
        return s.st_dev, s.st_ino
    except Exception:
        return None


def stream_of(handler):
    """Returns the stream that a handler writes to, None when it has none."""
    stream = getattr(handler, "stream", None)
    console = getattr(handler, "console", None)  # of rich
    return stream if stream is not None or console is None else getattr(console, "file", None)


def watch():
    """Makes logging remember who makes and adds handlers."""
    made, added = logging.Handler.__init__, logging.Logger.addHandler

    def note(handler, **more):
        kept.append(handler)
        seen = sites.setdefault(id(handler), {"made": [], "added": [], "was_stderr": False})
        stream = stream_of(handler)
        if stream is not None and stream is sys.stderr:
            seen["was_stderr"] = True
        return seen

    def init(self, *args, **kwargs):
        made(self, *args, **kwargs)
        note(self)["made"] = frames()[0]

    def add(self, hdlr):
        had = hdlr in self.handlers
        added(self, hdlr)
        stack, through = frames()
        note(hdlr)["added"].append({"logger": self.name, "stack": stack, "through": through, "during": doing, "again": had})

    logging.Handler.__init__, logging.Logger.addHandler = init, add


def module_of(name):
    """Returns the name of a module that was given by name, or as a file."""
    return os.path.splitext(os.path.basename(name))[0] if name.endswith(".py") else name


def bring_in(name):
    """Imports a module by name, or a file."""
    if not name.endswith(".py"):
        return importlib.import_module(name)
    stem = module_of(name)
    spec = importlib.util.spec_from_file_location(stem, os.path.abspath(name))
    module = importlib.util.module_from_spec(spec)
    sys.modules[stem] = module
    spec.loader.exec_module(module)
    return module


def call(text):
    """Calls MODULE:FUNCTION, or MODULE:FUNCTION(ARGS) with literal arguments."""
    module, _, rest = text.partition(":")
    try:
        tree = ast.parse(rest.strip(), mode="eval").body
        args, named = [], {}
        if isinstance(tree, ast.Call):
            args = [ast.literal_eval(a) for a in tree.args]
            named = {k.arg: ast.literal_eval(k.value) for k in tree.keywords}
            rest = rest[: rest.index("(")]
    except (SyntaxError, ValueError):
        raise ValueError("want MODULE:FUNCTION, or MODULE:FUNCTION(ARGS) with literal arguments") from None
    target = bring_in(module)
    for name in rest.strip().split("."):
        target = getattr(target, name)
    result = target(*args, **named)
    kept.append(result)  # as a program does: an adapter lives as long as its module
    if inspect.iscoroutine(result):
        result.close()
        raise TypeError("%s is async: name a function that can be called" % text)


def name_of(cls):
    return cls.__name__ if cls.__module__.partition(".")[0] in ("logging", "builtins") else "%s.%s" % (cls.__module__, cls.__qualname__)


def filters_of(it):
    return [name_of(type(f)) if not hasattr(f, "__name__") else f.__name__ for f in it.filters]


def needs_of(handler):
    """Returns which fields a handler's format wants that no plain record has."""
    if handler.formatter is None:
        return []
    record, needs = logging.getLogRecordFactory()("root", logging.ERROR, "sample.py", 1, SAMPLE, (), None, "sample"), []
    while len(needs) < 40:
        try:
            handler.format(copy.copy(record))
        except (KeyError, ValueError) as e:
            name = re.search(r"'(\w+)'", str(e))
            if not name or name[1] in needs:
                break
            needs.append(name[1])
            setattr(record, name[1], "")
        except Exception:
            break
        else:
            return sorted(needs)
    return []


class Audit:
    """Handlers by number, as the loggers are walked."""

    def __init__(self):
        self.numbers, self.handlers = {}, []
        self.error = leads(2)
        self.output = leads(1)
        # By type: an object may tell isinstance() a class that it has not.
        objects = [o for o in gc.get_objects() if issubclass(type(o), (logging.handlers.QueueListener, logging.LoggerAdapter))]
        self.listeners = [o for o in objects if isinstance(o, logging.handlers.QueueListener)]
        self.adapters = [o for o in objects if isinstance(o, logging.LoggerAdapter)]

    def place(self, handler):
        """Returns where a handler writes: a word, its text, and what is wrong with it."""
        if isinstance(handler, logging.NullHandler):
            return "nowhere", "", ""
        if isinstance(handler, logging.handlers.MemoryHandler):
            return "memory", "", "" if handler.target else "it has no target"
        if isinstance(handler, logging.handlers.QueueHandler):
            on = [o for o in self.listeners_of(handler) if getattr(o, "_thread", None)]
            return "queue", "", "" if on else "no listener of this process takes from its queue"
        stream = stream_of(handler)
        if isinstance(handler, logging.FileHandler):
            path = handler.baseFilename
            try:
                s = os.stat(path)
                at = s.st_dev, s.st_ino
            except OSError:
                at = None
            at = leads(stream) or at
            return ("stderr" if at and at == self.error else "stdout" if at and at == self.output else "file"), path, ""
        if stream is None:
            return "other", "", "its stream is None" if isinstance(handler, logging.StreamHandler) else ""
        text = "sys.stderr" if stream is sys.stderr else "sys.stdout" if stream is sys.stdout else str(getattr(stream, "name", "") or type(stream).__name__)
        if getattr(stream, "closed", False):
            return "closed", text, "its stream is closed"
        at = leads(stream)
        try:
            if at is None and isinstance(stream.fileno(), int):
                return "closed", text, "its file descriptor is closed"
        except Exception:
            pass
        if at is not None and at == self.error:
            return "stderr", text if stream is sys.stderr else "fd %d, %s" % (stream.fileno(), text), ""
        if at is not None and at == self.output:
            return "stdout", text, ""
        if stream is sys.stderr:
            return "replaced", type(stream).__name__, ""
        return "file" if at is not None else "object", text, ""

    def listeners_of(self, handler):
        own = getattr(handler, "listener", None)
        return [o for o in self.listeners if o is own or o.queue is handler.queue]

    def number(self, handler):
        if id(handler) in self.numbers:
            return self.numbers[id(handler)]
        n = self.numbers[id(handler)] = len(self.handlers)
        kept.append(handler)
        self.handlers.append(None)
        place, text, wrong = self.place(handler)
        seen = sites.get(id(handler), {"made": [], "added": [], "was_stderr": False})
        fmt = getattr(handler.formatter, "_fmt", None)
        stream = stream_of(handler)
        own = type(handler).emit
        self.handlers[n] = {
            "class": name_of(type(handler)),
            "name": handler.get_name() or "",
            "level": handler.level,
            "level_name": logging.getLevelName(handler.level),
            "filters": filters_of(handler),
            "formatter": name_of(type(handler.formatter)) if handler.formatter else "",
            "format": fmt if isinstance(fmt, str) else "",
            "needs": needs_of(handler),
            "place": place,
            "target": text,
            "wrong": wrong,
            "was_stderr": seen["was_stderr"],
            "is_stderr": stream is not None and stream is sys.stderr,
            # Code of its own may write anywhere: then the place is a guess.
            "known": own.__module__.partition(".")[0] in ("logging", "rich", "colorlog"),
            "made": seen["made"],
            "added": seen["added"],
        }
        return n

    def passes(self, handler, record, owner, via=""):
        """Tells what becomes of a record that a handler is given, level and all."""
        hit = {"handler": self.number(handler), "logger": owner, "via": via, "result": "", "text": "", "error": "", "bare": False, "later": ""}
        told = self.handlers[hit["handler"]]
        try:
            passed = handler.filter(record)
        except Exception as e:
            hit.update(result="raises", error="%s: %s" % (type(e).__name__, e))
            return [hit]
        if not passed:
            hit["result"] = "filtered"
            return [hit]
        if isinstance(passed, logging.LogRecord):
            record = passed  # since 3.12 a filter may give another one
        if told["place"] == "nowhere":
            hit["result"] = "dropped"
            return [hit]
        if told["place"] == "memory":
            hit["result"] = "buffered"
            if handler.target is None:
                return [hit]
            at_once = record.levelno >= handler.flushLevel or handler.capacity <= 1
            hit["later"] = "" if at_once else "after %d records, a %s, or at the end" % (handler.capacity, logging.getLevelName(handler.flushLevel))
            return [hit] + [dict(h, later=h["later"] or hit["later"]) for h in self.passes(handler.target, record, owner, told["class"])]
        if told["place"] == "queue":
            hit["result"] = "queued"
            hits = [hit]
            try:
                record = handler.prepare(record)
            except Exception as e:
                hit.update(result="error", error="%s: %s" % (type(e).__name__, e))
                return hits
            for listener in self.listeners_of(handler):
                for h in listener.handlers if getattr(listener, "_thread", None) else ():
                    if not listener.respect_handler_level or record.levelno >= h.level:
                        hits += self.passes(h, copy.copy(record), owner, told["class"])
            return hits
        try:
            text = handler.format(record)
        except Exception as e:
            hit.update(result="error", error="%s: %s" % (type(e).__name__, e))
            return [hit]
        if told["place"] == "closed" or told["wrong"]:
            hit.update(result="error", error=told["wrong"])
            return [hit]
        hit["result"] = "prints"
        if isinstance(text, str):
            # What rich writes has columns that its formatter knows nothing of.
            plain = ESCAPES.sub("", text).strip()
            hit["text"], hit["bare"] = plain[:200], plain == SAMPLE and not type(handler).__module__.startswith("rich.")
        return [hit]

    def adapter(self, logger):
        """Returns the class of an adapter of a logger, and the fields that it gives to each record."""
        for a in self.adapters:
            if a.logger is logger:
                try:
                    return name_of(type(a)), a.process(SAMPLE, {})[1].get("extra")
                except Exception:
                    pass
        return "", None

    def level(self, logger, no, extra):
        """Tells what becomes of the records of a level."""
        out = {"level": no, "name": logging.getLevelName(no), "on": True, "why": "", "hits": []}
        if not logger.isEnabledFor(no):
            disable = logger.manager.disable
            why = "the logger is disabled" if logger.disabled else "logging.disable(%s)" % logging.getLevelName(disable) if disable >= no else "below the level"
            out.update(on=False, why=why)
            return out
        record = logger.makeRecord(logger.name, no, "sample.py", 1, SAMPLE, (), None, "sample", extra)
        if logger.disabled:
            out.update(on=False, why="the logger is disabled")
            return out
        passed = logger.filter(record)
        if not passed:
            out.update(on=False, why="filtered by " + ", ".join(filters_of(logger)))
            return out
        if isinstance(passed, logging.LogRecord):
            record = passed
        found, here = 0, logger
        while here:
            for h in here.handlers:
                found += 1
                if no >= h.level:
                    out["hits"] += self.passes(h, copy.copy(record), here.name)
            here = here.parent if here.propagate else None
        if not found and logging.lastResort and no >= logging.lastResort.level:
            out["hits"] += self.passes(logging.lastResort, record, "", "lastResort")
        return out

    def chain(self, name):
        known = logging.Logger.manager.loggerDict.get(name)
        logger = logging.getLogger(name)
        out = {
            "name": logger.name,
            "known": logger is logging.root or isinstance(known, logging.Logger),
            "own_code": [m for m in ("callHandlers", "handle", "_log") if getattr(type(logger), m).__module__ != "logging"],
            "last_resort": not logger.hasHandlers() and logging.lastResort is not None,
            "loggers": [],
            "levels": [],
        }
        here, reached = logger, True
        while here:
            out["loggers"].append({
                "name": here.name,
                "class": name_of(type(here)),
                "level": here.level,
                "level_name": logging.getLevelName(here.level),
                "effective": logging.getLevelName(here.getEffectiveLevel()),
                "propagate": bool(here.propagate),
                "disabled": bool(here.disabled),
                "filters": filters_of(here),
                "handlers": [self.number(h) for h in here.handlers],
                "reached": reached,
            })
            reached = reached and bool(here.propagate)
            here = here.parent
        out["adapter"], extra = self.adapter(logger)
        numbers = sorted(n for n in logging._levelToName if n > 0)
        out["levels"] = [self.level(logger, no, extra) for no in numbers]
        plain = [self.level(logger, no, None) for no in numbers] if extra else []
        out["adapter_only"] = sorted({
            b["handler"]
            for with_extra, without in zip(out["levels"], plain)
            for a, b in zip(with_extra["hits"], without["hits"])
            if a["handler"] == b["handler"] and a["result"] == "prints" and b["result"] == "error"
        })
        return out


def main():
    global doing
    asked = json.loads(sys.argv[1])
    # stdout and stderr would be the same pipe, and then nothing could tell them apart.
    with tempfile.TemporaryFile() as f:
        os.dup2(f.fileno(), 1)
    watch()
    for what, names, do in (("import", asked["imports"], bring_in), ("call", asked["calls"], call)):
        for name in names:
            doing = "%s %s" % (what, name)
            try:
                do(name)
            except BaseException as e:
                answer({"failed": dict(problem(e), during=doing)})
                if isinstance(e, KeyboardInterrupt):
                    raise  # the deadline
                leave()
    audit = Audit()
    loggers = asked["loggers"] or [module_of(n) for n in asked["imports"] or [c.partition(":")[0] for c in asked["calls"]]]
    chains = [audit.chain(n) for n in loggers]
    answer({
        "chains": chains,
        "handlers": audit.handlers,
        "disable": logging.getLevelName(logging.root.manager.disable) if logging.root.manager.disable else "",
        "raise": bool(logging.raiseExceptions),
        "replaced_stderr": leads(sys.stderr) != leads(2),
    })
    leave()


main()
