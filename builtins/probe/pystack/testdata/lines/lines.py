"""Prints where the interpreter that runs this has each instruction of a toy, as JSON:
lines.py >3.N.json"""
import base64, dis, json, sys, types

TOY = '''
def plain(a,
          b=(1,
             2)):
    c = [
        x
        for x in b
        if x
    ]
    return (a +
            c[0] +

            sum(
                c))
''' + "\n" * 300 + '''
async def far(stream):
    async with stream as s:
        async for item in s:
            try:
                yield await item(
                    s,
                    lambda: item
                )
            except ValueError:
                raise
            finally:
                del item
''' + '''
def many():
''' + "".join(f"    v{i} = call(v{i - 1}, {i}) if v{i - 1} else None\n" for i in range(1, 120)) + '''
    while True:
        assert v1, (v2,
            v3)

class Holder:
    x: int = 1
    @property
    def value(self): return self.x; pass
'''


def lines(code):
    if sys.version_info >= (3, 10):
        at = [0] * (len(code.co_code) // 2)
        for start, end, line in code.co_lines():
            for i in range(start, end, 2):
                at[i // 2] = line or 0
        return at
    starts, line, at = dict(dis.findlinestarts(code)), code.co_firstlineno, []
    for i in range(0, len(code.co_code), 2):
        line = starts.get(i, line)
        at.append(line)
    return at


def walk(code, out):
    table = code.co_linetable if sys.version_info >= (3, 10) else code.co_lnotab
    out.append({"table": base64.b64encode(table).decode(), "first": code.co_firstlineno, "lines": lines(code)})
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            walk(const, out)
    return out


print(json.dumps(walk(compile(TOY, "toy", "exec"), [])))
