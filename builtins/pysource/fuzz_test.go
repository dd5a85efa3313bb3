package pysource

import "testing"

// Whatever stands in a file: a tree or an *Error, in time that grows with it,
// and never a panic, neither of the parser nor of what reads the tree.
func FuzzParse(f *testing.F) {
	data := `f"{x!r:>{w}}" t'{(y:=1)}'`
	f.Add([]byte(data))
	for _, s := range fuzzSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		if len(src) > 1<<14 {
			return
		}
		n, err := Parse(src)
		if err != nil {
			if _, ours := err.(*Error); !ours {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		Join([]Source{{"a.py", n}, {"b.py", n}}, snippetNames)
	})
}

var fuzzSeeds = []string{
	"import trio\nasync def f(p):\n    with trio.move_on_after(1) as cs, x:\n        await p.ask(1)\n",
	"class A(B, m=C):\n\tx: 'int' = 1\n\tasync def f(self, *a: *T, k=1) -> None: self.x = await q.get()\n",
	"match x:\n    case {'a': 1, **r} if r: pass\n    case _: y = [a async for a in b if c]\n",
	"try: pass\nexcept* E: pass\nelse: pass\nfinally: pass\n",
	"lambda a, *b, c=1, **d: (yield)\nx = y if z else w; a[1:2, ...] += -1 ** ~2\n",
	"with (a as b, c): pass\nwith (yield): pass\nasync with (a, b) as c: pass\n",
	"type X[T: int = str] = T\ndef f[T](x): return not a in b is not c\n",
	"f'{a:{b}}{c!r}{{}}' rb'\\'' '''\n''' \"\\N{DASH}\" f'\\N{DASH}{x}'\n",
	"if a:\n  b\nelif c: d\nelse:\n  if e: f\n", "@a.b(c)\n\nasync def f(): pass\n", "\xef\xbb\xbfx = 1\r\ny = 2\r", "0x_1f 1e-5j 1if x else.5", "[0 async for 00in 000]", "\\\n", "f'{f'{f'{1}'}'}'",
}

// Text of another process: a tree or an error.
func FuzzDecode(f *testing.F) {
	f.Add("file 0 0 1 \nname 1 0 0 x")
	f.Add("call 1 0 2 \nattr 1 0 1 a\nname 1 0 0 b\nstr 1 2 0 c")
	f.Fuzz(func(t *testing.T, text string) {
		n, err := Decode(text)
		if (n == nil) == (err == nil) && err != nil {
			return
		}
		if err == nil {
			Join([]Source{{"a.py", n}}, snippetNames)
		}
	})
}
