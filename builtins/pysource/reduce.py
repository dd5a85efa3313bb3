"""Reduces Python sources to what matters for a request and its answer.

stdin: paths, a NUL after each. Answers for each, in order, the tree (see node.go
of package pysource) and the error, of which one is None. The tree is a text: a
line for each node, parents first: kind, line, column, number of kids, text. The
same sources read by Parse give the same trees.
"""

import ast
import gc
import re
import sys
import threading
import warnings

COULD_BE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,39}\Z")
FORMATTED = tuple(getattr(ast, name) for name in ("JoinedStr", "TemplateStr") if hasattr(ast, name))


def flat(nodes):
    """Drops what is nothing and dissolves groups."""
    out = []
    for n in nodes:
        if n is None:
            continue
        if n[0] == "group":
            out.extend(n[4])
        else:
            out.append(n)
    return out


def some(*nodes):
    return [n for n in nodes if n is not None]


def group(nodes):
    kids = flat(nodes)
    if not kids:
        return None
    return kids[0] if len(kids) == 1 else ["group", 0, 0, "", kids]


def bare(kind, kids, text=""):
    return [kind, 0, 0, text, kids]


class Reducer:
    """Turns a tree of ast into ours. at is the place of the f-string around."""

    def __init__(self):
        self.at = None

    def placed(self, kind, n, kids, text=""):
        line, col = self.at or (n.lineno, n.col_offset)
        return [kind, line, col, text, kids]

    def expr(self, n):
        if n is None:
            return None
        special = getattr(self, "expr_" + type(n).__name__, None)
        if special:
            return special(n)
        return group([self.expr(k) for k in self.parts(n)])

    def parts(self, n):
        for k in ast.iter_child_nodes(n):
            if not isinstance(k, (ast.expr_context, ast.operator, ast.boolop, ast.unaryop, ast.cmpop)):
                yield k

    def chain(self, n):
        """The operands of a chain of operators, without recursion along its left side."""
        right = []
        while isinstance(n, ast.BinOp):
            right.append(self.expr(n.right))
            n = n.left
        return group([self.expr(n)] + right[::-1])

    expr_BinOp = chain

    def expr_Name(self, n):
        return self.placed("name", n, [], n.id)

    def expr_Attribute(self, n):
        return self.placed("attr", n, some(self.expr(n.value)), n.attr)

    def expr_Call(self, n):
        args = []
        # In the order of the source: f(a, k=b, *c) has the starred one last.
        for a in sorted(n.args + n.keywords, key=self.place):
            if isinstance(a, ast.keyword):
                args.append(bare("kw", some(self.expr(a.value)), a.arg) if a.arg else self.expr(a.value))
            else:
                args.append(self.expr(a))
        return self.placed("call", n, [k or bare("group", []) for k in [self.expr(n.func)] + args])

    @staticmethod
    def place(a):
        n = a.value if isinstance(a, ast.keyword) else a
        return (n.lineno, n.col_offset)

    def expr_Await(self, n):
        return self.placed("await", n, some(self.expr(n.value)))

    def expr_Compare(self, n):
        kids = some(self.expr(n.left), *[self.expr(c) for c in n.comparators])
        return self.placed("cmp", n, kids) if kids else None

    def expr_Subscript(self, n):
        return self.placed("index", n, some(self.expr(n.value), self.expr(n.slice)))

    def expr_Constant(self, n):
        if isinstance(n.value, str) and COULD_BE_NAME.match(n.value):
            return self.placed("str", n, [], n.value)
        if n.value is True:
            return self.placed("name", n, [], "True")
        return None

    def expr_JoinedStr(self, n):
        outer, self.at = self.at, self.at or (n.lineno, n.col_offset)
        parts = []
        self.fields(n, parts)
        self.at = outer
        return group(parts)

    expr_TemplateStr = expr_JoinedStr

    def fields(self, n, parts):
        for v in n.values:
            if hasattr(v, "format_spec"):  # FormattedValue, Interpolation
                parts.append(self.expr(v.value))
                if isinstance(v.format_spec, FORMATTED):
                    self.fields(v.format_spec, parts)
            elif isinstance(v, FORMATTED):
                self.fields(v, parts)

    def expr_Lambda(self, n):
        args = n.args
        defaults = sorted([d for d in args.defaults + args.kw_defaults if d is not None], key=self.place)
        return self.placed("lambda", n, flat([self.expr(d) for d in defaults] + [self.expr(n.body)]))

    def expr_IfExp(self, n):
        return group([self.expr(n.body), self.expr(n.test), self.expr(n.orelse)])

    def expr_Dict(self, n):
        parts = []
        for k, v in zip(n.keys, n.values):
            parts += [self.expr(k), self.expr(v)]
        return group(parts)

    def expr_NamedExpr(self, n):
        return bare("assign", some(self.expr(n.target), self.expr(n.value)))

    def comprehension(self, n):
        elements = [n.key, n.value] if isinstance(n, ast.DictComp) else [n.elt]
        parts = [self.expr(e) for e in elements]
        for g in n.generators:
            target, source = self.expr(g.target), self.expr(g.iter)
            parts += [bare("each", some(target, source))] if g.is_async else [target, source]
            parts += [self.expr(c) for c in g.ifs]
        return group(parts)

    expr_ListComp = expr_SetComp = expr_DictComp = expr_GeneratorExp = comprehension

    def annotation(self, n):
        """A type. One in quotes is read as if it had none."""
        if not (isinstance(n, ast.Constant) and isinstance(n.value, str)):
            return self.expr(n)
        try:
            inner = ast.parse("(" + n.value + "\n)", mode="eval").body
        except (SyntaxError, ValueError):
            return None
        outer, self.at = self.at, self.at or (n.lineno, n.col_offset)
        out = self.expr(inner)
        self.at = outer
        return out

    def body(self, statements):
        parts = []
        for s in statements:
            special = getattr(self, "stmt_" + type(s).__name__, None)
            if special:
                parts += special(s)
            else:
                parts += [self.expr(k) for k in self.parts(s)]
        return flat(parts)

    def definition(self, n, kind):
        a = n.args
        positional = getattr(a, "posonlyargs", []) + a.args
        params = positional + ([a.vararg] if a.vararg else []) + a.kwonlyargs + ([a.kwarg] if a.kwarg else [])
        kids = [bare("deco", some(self.expr(d))) for d in n.decorator_list]
        kids += [bare("param", some(self.annotation(p.annotation)), p.arg) for p in params]
        kids += flat([self.expr(d) for d in a.defaults + a.kw_defaults if d is not None])
        if n.returns is not None:
            kids.append(bare("ret", some(self.annotation(n.returns))))
        kids.append(bare("body", self.body(n.body)))
        return [self.placed(kind, n, kids, n.name)]

    def stmt_FunctionDef(self, n):
        return self.definition(n, "def")

    def stmt_AsyncFunctionDef(self, n):
        return self.definition(n, "adef")

    def stmt_ClassDef(self, n):
        kids = [bare("deco", some(self.expr(d))) for d in n.decorator_list]
        for b in sorted(n.bases + n.keywords, key=self.place):
            if isinstance(b, ast.keyword):
                e = bare("kw", some(self.expr(b.value)), b.arg) if b.arg else self.expr(b.value)
            else:
                e = self.expr(b)
            if e is not None:
                kids.append(bare("base", flat([e])))
        kids.append(bare("body", self.body(n.body)))
        return [self.placed("class", n, kids, n.name)]

    def with_(self, n, kind):
        kids = [bare("item", some(self.expr(i.context_expr), self.expr(i.optional_vars))) for i in n.items]
        kids.append(bare("body", self.body(n.body)))
        return [self.placed(kind, n, kids)]

    def stmt_With(self, n):
        return self.with_(n, "with")

    def stmt_AsyncWith(self, n):
        return self.with_(n, "awith")

    def stmt_If(self, n):
        kids = []
        while True:
            kids += [bare("test", some(self.expr(n.test))), bare("body", self.body(n.body))]
            if len(n.orelse) == 1 and isinstance(n.orelse[0], ast.If):
                n = n.orelse[0]
                continue
            if n.orelse:
                kids.append(bare("else", self.body(n.orelse)))
            return [bare("if", kids)]

    def loop(self, n, head, text):
        return [bare("loop", flat(head + self.body(n.body)), text)] + self.body(n.orelse)

    def stmt_For(self, n):
        return self.loop(n, [self.expr(n.target), self.expr(n.iter)], "for")

    def stmt_AsyncFor(self, n):
        return self.loop(n, [bare("each", some(self.expr(n.target), self.expr(n.iter)))], "async for")

    def stmt_While(self, n):
        return self.loop(n, [bare("test", some(self.expr(n.test)))], "while")

    def stmt_Return(self, n):
        return [bare("leave", some(self.expr(n.value)), "return")]

    def stmt_Break(self, n):
        return [bare("leave", [], "break")]

    def stmt_Try(self, n):
        out = self.body(n.body)
        for h in n.handlers:
            out.append(bare("except", flat([self.expr(h.type)] + self.body(h.body))))
        out += self.body(n.orelse)
        if n.finalbody:
            out.append(bare("finally", self.body(n.finalbody)))
        return out

    stmt_TryStar = stmt_Try

    def stmt_Match(self, n):
        out = [self.expr(n.subject)]
        for c in n.cases:
            words = set()
            for p in ast.walk(c.pattern):
                for field in ("id", "attr", "name", "rest", "value"):
                    word = getattr(p, field, None)
                    if isinstance(word, str) and (field != "value" or COULD_BE_NAME.match(word)):
                        words.add(word)
                words.update(getattr(p, "kwd_attrs", []))
            out.append(bare("case", some(self.expr(c.guard)), " ".join(sorted(words))))
            out += self.body(c.body)
        return out

    def stmt_Assign(self, n):
        return [bare("assign", some(*[self.expr(t) for t in n.targets], self.expr(n.value)))]

    def stmt_AugAssign(self, n):
        return [bare("assign", some(self.expr(n.target), self.expr(n.value)))]

    def stmt_AnnAssign(self, n):
        return [bare("ann", some(self.expr(n.target), self.annotation(n.annotation), self.expr(n.value)))]

    def stmt_TypeAlias(self, n):
        return []

    def stmt_Import(self, n):
        return [bare("import", [], a.asname + "=" + a.name if a.asname else "{0}={0}".format(a.name.split(".")[0])) for a in n.names]

    def stmt_ImportFrom(self, n):
        module = "." * n.level + (n.module or "")
        out = []
        for a in n.names:
            if a.name == "*":
                out.append(bare("import", [], "*=" + module))
            else:
                whole = module + a.name if module.endswith(".") else module + "." + a.name
                out.append(bare("import", [], (a.asname or a.name) + "=" + whole))
        return out


def told(n):
    """The tree as a text."""
    lines, todo = [], [n]
    while todo:
        kind, line, col, text, kids = todo.pop()
        lines.append("%s %d %d %d %s" % (kind, line, col, len(kids), text))
        todo.extend(reversed(kids))
    return "\n".join(lines)


def read(path):
    """Returns the tree of a file, and the error."""
    try:
        with open(path, "rb") as f:
            module = ast.parse(f.read(), path)
        return told(bare("file", Reducer().body(module.body))), None
    except SyntaxError as e:
        return None, {"line": e.lineno or 1, "column": e.offset or 1, "text": e.msg}
    except (ValueError, RecursionError, MemoryError, UnicodeError) as e:
        return None, {"line": 1, "column": 1, "text": "%s: %s" % (type(e).__name__, e)}
    except OSError as e:
        return None, {"line": 0, "column": 0, "text": e.strerror or str(e)}


def main():
    gc.disable()  # trees have no cycles worth the search
    warnings.simplefilter("ignore")  # of escapes in strings
    for path in sys.stdin.buffer.read().split(b"\0")[:-1]:
        tree, error = read(path)
        answer({"tree": tree, "error": error})  # noqa: F821, one for each path, in order


if __name__ == "__main__":
    # Long chains of calls are deep trees, and a thread may have a deep stack.
    failed = []

    def guarded():
        try:
            main()
        except BaseException as e:
            failed.append(e)

    sys.setrecursionlimit(20000)
    threading.stack_size(256 << 20)
    thread = threading.Thread(target=guarded, daemon=True)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
