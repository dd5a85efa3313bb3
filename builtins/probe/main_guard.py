"""Says how a script is to be started, so that its children can import it.

Tractor's children, and multiprocessing's, run the file of __main__ anew under
another name: what starts the program must stand below a guard. argv: the file,
and what it is called in messages.
"""

import ast
import importlib.util
import io
import sys
import tokenize

GUARD = 'if __name__ == "__main__":'


def is_guard(node):
    return isinstance(node, ast.If) and "__name__" in ast.dump(node.test) and "__main__" in ast.dump(node.test)


def starts(node, own):
    """Reports whether a statement of the top level starts something: it calls
    ….run(…), or a function that the script defines itself."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)):
        return False
    todo = [node]
    while todo:
        n = todo.pop()
        if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue  # runs when it is called
        if isinstance(n, ast.Call):
            if isinstance(n.func, ast.Attribute) and n.func.attr in ("run", "run_daemon"):
                return True
            if isinstance(n.func, ast.Name) and n.func.id in own | {"run"}:
                return True
        todo.extend(ast.iter_child_nodes(n))
    return False


def inside_strings(source):
    """Returns the lines that begin within a string: these may not be indented."""
    lines, began = set(), []
    for t in tokenize.generate_tokens(io.StringIO(source).readline):
        kind = tokenize.tok_name[t.type]
        if kind == "STRING":
            lines.update(range(t.start[0] + 1, t.end[0] + 1))
        elif kind in ("FSTRING_START", "TSTRING_START"):
            began.append(t.start[0])
        elif kind in ("FSTRING_END", "TSTRING_END"):
            lines.update(range(began.pop() + 1, t.end[0] + 1))
    return lines


def guarded(source, nodes):
    """Returns the source with a guard above each of these statements."""
    lines = source.splitlines(keepends=True)
    fixed = inside_strings(source)
    for node in reversed(nodes):
        first, last = node.lineno - 1, node.end_lineno
        for i in range(first, last):
            if i + 1 not in fixed and lines[i].strip():
                lines[i] = "    " + lines[i]
        lines.insert(first, GUARD + "\n")
    return "".join(lines)


def missing(tree):
    """Returns the modules that the script imports at its top level, and this interpreter does not find."""
    names = []
    for node in tree.body:
        if isinstance(node, ast.Import):
            names += [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.append(node.module)
    out = []
    for name in names:
        top = name.split(".")[0]
        try:
            found = top in sys.modules or importlib.util.find_spec(top)
        except (ImportError, ValueError):
            found = True  # it is there, and strange
        if not found and top not in out:
            out.append(top)
    return out


def main(path, name):
    with tokenize.open(path) as f:
        source = f.read()
    said = {"has_guard": False, "text": source, "starts": [], "missing": [], "error": "", "line": 0}
    try:
        tree = ast.parse(source, name)
    except SyntaxError as e:
        said.update(error=e.msg, line=e.lineno or 0)
        return said
    said["missing"] = missing(tree)
    own = {n.name for n in tree.body if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))}
    said["has_guard"] = any(is_guard(n) for n in tree.body)
    if not said["has_guard"]:
        nodes = [n for n in tree.body if starts(n, own)]
        said["starts"] = [n.lineno for n in nodes]
        if nodes:
            said["text"] = guarded(source, nodes)
            ast.parse(said["text"], name)
    return said


if len(sys.argv) > 3:
    sys.path.insert(0, sys.argv[3])  # where the script lies: it finds its neighbours
answer(main(sys.argv[1], sys.argv[2]))  # noqa: F821
