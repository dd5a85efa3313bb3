package probe

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"runbook/engine/lazyregexp"
)

// skippedDirs hold code of others, or none. So does a virtual environment,
// which is known by its pyvenv.cfg, and what begins with a dot.
var skippedDirs = []string{"node_modules", "__pycache__", "site-packages"}

// pyFiles lists the files that paths name: a file whatever its name, of a
// directory the .py files below it. Links to directories within are not
// followed. Each is there once, in the order of paths; a link to one that is
// there is that one.
func pyFiles(paths []string) ([]string, error) {
	var out []string
	seen := map[string]bool{}
	add := func(path string) {
		if path = filepath.Clean(path); !seen[path] {
			seen[path] = true
			out = append(out, path)
		}
	}
	for _, named := range paths {
		info, err := os.Stat(named)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			add(named)
			continue
		}
		// "/." has a link that was named followed.
		_ = filepath.WalkDir(named+"/.", func(path string, e fs.DirEntry, err error) error {
			switch {
			case err != nil:
				add(path) // it will tell why when it is read
				if e != nil && e.IsDir() {
					return fs.SkipDir
				}
			case e.IsDir() && path != named+"/." && skipsDir(path, e.Name()):
				return fs.SkipDir
			case !e.IsDir() && strings.HasSuffix(path, ".py") && (e.Type().IsRegular() || e.Type()&fs.ModeSymlink != 0):
				add(path)
			}
			return nil
		})
	}
	return slices.DeleteFunc(out, func(path string) bool {
		to, err := filepath.EvalSymlinks(path)
		return err == nil && to != path && seen[to]
	}), nil
}

func skipsDir(path, name string) bool {
	if strings.HasPrefix(name, ".") || slices.Contains(skippedDirs, name) {
		return true
	}
	_, err := os.Stat(filepath.Join(path, "pyvenv.cfg"))
	return err == nil
}

// maxPySource is more than anybody writes by hand, and than a generator should.
const maxPySource = 8 << 20

// readPySource reads one file, as UTF-8. What is wrong with it is its problem.
func readPySource(path string) *pySource {
	s := &pySource{path: path}
	wrong := func(kind, text string, args ...any) *pySource {
		s.problem = &PyProblem{Path: path, Kind: kind, Text: fmt.Sprintf(text, args...)}
		return s
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return wrong("unreadable", "%s", cause(err))
	case !info.Mode().IsRegular():
		return wrong("unreadable", "not a regular file") // a FIFO would hang us
	case info.Size() > maxPySource:
		return wrong("too-large", "larger than %d MiB", maxPySource>>20)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return wrong("unreadable", "%s", cause(err))
	}
	if bytes.IndexByte(text, 0) >= 0 {
		return wrong("binary", "it holds NUL bytes: not a text")
	}
	s.text = text
	switch coding := pyCoding(text); {
	case coding == "" || coding == "utf-8" || coding == "utf8" || coding == "ascii" || coding == "us-ascii":
		if !utf8.Valid(text) {
			s.text = nil
			return wrong("binary", "not UTF-8, and no other encoding is declared")
		}
	case coding == "latin-1" || coding == "latin1" || coding == "iso-8859-1" || coding == "iso8859-1" || coding == "l1":
		runes := make([]rune, len(text))
		for i, b := range text {
			runes[i] = rune(b)
		}
		s.text = []byte(string(runes))
	default:
		return wrong("not-covered", "the encoding %s is read by Python only", coding)
	}
	return s
}

func cause(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

var coding = lazyregexp.New(`^[ \t\f]*#.*?coding[:=][ \t]*([-_.a-zA-Z0-9]+)`)

// pyCoding is the encoding that one of the first two lines declares, in lower
// case (PEP 263); "" = none.
func pyCoding(text []byte) string {
	for range 2 {
		line, rest, _ := bytes.Cut(text, []byte("\n"))
		if m := coding().FindSubmatch(line); m != nil {
			return strings.ReplaceAll(strings.ToLower(string(m[1])), "_", "-")
		}
		if t := bytes.TrimSpace(line); len(t) > 0 && t[0] != '#' {
			return ""
		}
		text = rest
	}
	return ""
}
