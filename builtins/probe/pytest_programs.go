package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// findSpecs prints where each named module would be imported from, with the
// first word in the place of the directory that Python looks into first.
const findSpecs = `
import importlib.util, json, os, sys
first, names = sys.argv[1], sys.argv[2:]
if sys.path and sys.path[0] == "":
    del sys.path[0]
if first != "-":
    sys.path.insert(0, first)
found = {}
for name in names:
    try:
        origin = importlib.util.find_spec(name).origin
        if os.path.isfile(origin):
            found[name] = [os.path.abspath(origin), os.path.realpath(origin)]
    except Exception:
        pass
print("\n" + json.dumps(found))
`

// firsts are where the programs look first for a module: "" the directory where
// they run, "-" nowhere, a directory that of their script.
func (s *pytestSession) firsts(programs []pytestProgram) []string {
	var out []string
	for _, p := range programs {
		first := ""
		switch {
		case len(p.Args) > 1 && strings.HasPrefix(filepath.Base(p.Args[0]), "python"):
			if script := p.Args[1]; !strings.HasPrefix(script, "-") {
				if !filepath.IsAbs(script) {
					script = filepath.Join(p.Dir, script)
				}
				first = filepath.Dir(script)
			}
		case len(p.Args) > 0 && isPythonScript(p.Args[0], s.run.Env):
			first = "-"
		}
		if !slices.Contains(out, first) && len(out) < maxFirsts {
			out = append(out, first)
		}
	}
	return out
}

const maxFirsts = 4 // an interpreter is started for each

// isPythonScript reports whether a program is one that pip makes for an entry
// point, and the like.
func isPythonScript(name string, env []string) bool {
	path := lookPath(name, env)
	if path == "" {
		path = name
	}
	line, _, _ := bytes.Cut(startOf(path, 256), []byte("\n"))
	return bytes.HasPrefix(line, []byte("#!")) && bytes.Contains(line, []byte("python"))
}

// wouldImport asks the interpreter, as a program that a test starts would be
// started. Nothing of the modules is run. nil = it did not tell.
func (s *pytestSession) wouldImport(ctx context.Context, python interpreter, first string, names []string) map[string][2]string {
	args := append(slices.Clone(python.argv), "-c", findSpecs, first)
	r, err := s.host.Act().Run(ctx, Command{Args: append(args, names...), Dir: s.run.Dir, Env: s.run.Env, Deadline: 20 * time.Second, MaxBytes: 1 << 20})
	if err != nil || r.ExitCode != 0 {
		return nil
	}
	lines := strings.Split(strings.TrimSpace(string(r.Stdout)), "\n")
	var found map[string][2]string
	if json.Unmarshal([]byte(lines[len(lines)-1]), &found) != nil {
		return nil
	}
	return found
}
