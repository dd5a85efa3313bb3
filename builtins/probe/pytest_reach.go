package probe

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"runbook/engine/lazyregexp"
)

// PytestReach is a use of the tree of which a copy is tested: a path to it that
// is written down somewhere leads out of the copy.
type PytestReach struct {
	// How is "open", the tests opened it; "chdir", they went there; "program", it
	// is named to a program that they start, as an argument, its directory, or in
	// PYTHONPATH; "named", by a file of the copy, which is or starts a program: what
	// that program does is not seen.
	How  string
	Path string // in the original
	File string // the same, relative to its top; "" = a directory
	By   string // the file that names it, relative to the top; "" = not "named"
}

// pytestProgram is one that the tests started.
type pytestProgram struct {
	Args []string `json:"args"`
	Dir  string   `json:"cwd"`  // "" = theirs
	Path string   `json:"path"` // its PYTHONPATH
}

// reaches are the uses of the original, each once, of which the copy has its own.
func (t codeTree) reaches(dir, suite string, opened []PytestReach, programs []pytestProgram) []PytestReach {
	var out []PytestReach
	add := func(r PytestReach) {
		var is bool
		r.Path = filepath.Clean(r.Path)
		if r.File, is = t.ownOf(r.Path); is && !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	if t.original == "" {
		return nil
	}
	for _, r := range opened {
		add(r)
	}
	files := []string{filepath.Join(dir, strings.SplitN(suite, "::", 2)[0])}
	for _, p := range programs {
		for _, word := range append(slices.Clone(p.Args), p.Dir, p.Path) {
			for _, path := range t.namedIn(word) {
				add(PytestReach{How: "program", Path: path})
			}
		}
		at := p.Dir
		if at == "" {
			at = dir
		}
		for _, word := range p.Args {
			if !filepath.IsAbs(word) {
				word = filepath.Join(at, word)
			}
			if t.has(word) && !slices.Contains(files, word) {
				files = append(files, word)
			}
		}
	}
	if len(programs) == 0 {
		return out // what the tests themselves do is seen
	}
	for _, file := range files {
		text := startOf(file, maxNaming)
		by, _ := below(t.code, file)
		for _, path := range t.namedIn(string(text)) {
			add(PytestReach{How: "named", Path: path, By: by})
		}
	}
	return out
}

// maxNaming is how much of a file is searched for paths.
const maxNaming = 1 << 20

// ownOf is the path relative to the top of the original, "" for a directory, and
// whether the copy has its own or could have: what is installed in a virtual
// environment, and what belongs to git, is not the tree's.
func (t codeTree) ownOf(path string) (file string, is bool) {
	rel, ok := below(t.original, path)
	if path == t.original {
		rel, ok = "", true
	}
	if !ok || t.has(path) || strings.Contains("/"+rel+"/", "/site-packages/") || rel == ".git" || strings.HasPrefix(rel, ".git/") {
		return "", false
	}
	if m := byteCode().FindStringSubmatch(rel); m != nil {
		rel = m[1] + m[2] + ".py"
	}
	switch info, err := os.Stat(filepath.Join(t.original, rel)); {
	case err != nil:
		return rel, rel != "" && hasFile(filepath.Join(t.code, rel))
	case !info.IsDir():
		return rel, true
	}
	info, err := os.Stat(filepath.Join(t.code, rel))
	return "", err == nil && info.IsDir()
}

var byteCode = lazyregexp.New(`^(.*/|)__pycache__/([^/]+?)\.[^/]*\.pyc$`)

// namedIn are the paths to the original that stand in a text.
func (t codeTree) namedIn(text string) []string {
	if strings.HasPrefix(text, t.original+"/") && hasFile(text) {
		return []string{text} // also one with spaces
	}
	var out []string
	for rest := text; ; {
		i := strings.Index(rest, t.original)
		if i < 0 {
			return out
		}
		rest = rest[i:]
		end := len(t.original)
		if end == len(rest) || rest[end] == '/' || strings.IndexByte(pathEnds, rest[end]) >= 0 {
			if n := strings.IndexAny(rest[end:], pathEnds); n >= 0 {
				end += n
			} else {
				end = len(rest)
			}
			out = append(out, rest[:end])
		}
		rest = rest[end:]
	}
}

// pathEnds are what a path in a script or a list of paths ends at.
const pathEnds = " \t\n\r'\"`:;,()[]{}<>&|$\\*?"

// startOf is the beginning of a file; nil = it cannot be read.
func startOf(path string, most int64) []byte {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	buf := make([]byte, min(most, info.Size()))
	n, _ := f.Read(buf)
	return buf[:n]
}
