package probe

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

func TestMainGuardIsPutAboveWhatStartsAScript(t *testing.T) {
	aPython(t)
	for _, c := range []struct{ name, source, want string }{
		{"has one", "if __name__ == '__main__':\n    run()\n", "guard []"},
		{"has one, the other way round", "if '__main__' == __name__:\n    run()\n", "guard []"},
		{"starts nothing", "import os\nX = os.getpid()\nos.environ.get('x')\n", "[]"},
		{"a plain run", "import asyncio\nasync def main(): pass\nasyncio.run(main())\n", "[3]\nimport asyncio\nasync def main(): pass\nG\n    asyncio.run(main())\n"},
		{"a function of its own", "def main():\n    pass\nmain()\n", "[3]\ndef main():\n    pass\nG\n    main()\n"},
		{"other calls stay", "import sys\nsys.path.insert(0, 'x')\ndef f(): pass\nf()\n", "[4]\nimport sys\nsys.path.insert(0, 'x')\ndef f(): pass\nG\n    f()\n"},
		{"over several lines", "import asyncio\nasync def m(x): pass\nasyncio.run(\n  m(\n'x'\n)\n)\n", "[3]\nimport asyncio\nasync def m(x): pass\nG\n    asyncio.run(\n      m(\n    'x'\n    )\n    )\n"},
		{"a string of several lines", "def f(x): pass\nf('''a\nb\n''')\n", "[2]\ndef f(x): pass\nG\n    f('''a\nb\n''')\n"},
		{"a string with fields", "def f(x): pass\nf(f'''a\n{1}\nb''')\n", "[2]\ndef f(x): pass\nG\n    f(f'''a\n{1}\nb''')\n"},
		{"within a try", "def f(): pass\ntry:\n    f()\nexcept KeyboardInterrupt:\n    pass\n", "[2]\ndef f(): pass\nG\n    try:\n        f()\n    except KeyboardInterrupt:\n        pass\n"},
		{"the result is kept", "def f(): pass\nx = f()\n", "[2]\ndef f(): pass\nG\n    x = f()\n"},
		{"twice", "def f(): pass\nf()\nf()\n", "[2 3]\ndef f(): pass\nG\n    f()\nG\n    f()\n"},
		{"called later", "def f(): pass\ng = lambda: f()\n", "[]"},
		{"no Python", "def f(:\n", "error at 1"},
		{"what is missing", "import os, no_such_module_a.b\nfrom no_such_module_c import x\nfrom . import y\n", "missing no_such_module_a no_such_module_c []"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g, err := ReadMainGuard(context.Background(), live(t, LiveOptions{}), "", c.source, "s.py", "")
			if err != nil {
				t.Fatal(err)
			}
			var got string
			if len(g.Missing) > 0 {
				got += "missing " + strings.Join(g.Missing, " ") + " "
			}
			switch {
			case g.Error != "":
				got += fmt.Sprint("error at ", g.Line)
			case g.HasGuard:
				got += fmt.Sprint("guard ", g.Starts)
			case g.Text == c.source:
				got += fmt.Sprint(g.Starts)
			default:
				got += fmt.Sprint(g.Starts) + "\n" + strings.ReplaceAll(g.Text, `if __name__ == "__main__":`, "G")
			}
			if got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}
