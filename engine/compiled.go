package engine

import (
	"bytes"
	"crypto/sha256"
	"io"
	"io/fs"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// To parse and to resolve the hundred kilobytes of a large recipe takes longer
// than to look at the tree that it asks about. So the files that ship with the
// tool come with their programs, as Starlark writes them: the digest of the text
// that each was made of, then the program. One that is missing, or of another
// text or another version of Starlark, is made anew from the text, silently: it
// is only slower.

// compiledName is where the program of a file lies in Library.Compiled.
func compiledName(file string) string { return strings.TrimSuffix(file, ".star") + ".starc" }

// CompileShipped is the program of each file that ships with the library's
// tool, by its name in Library.Compiled; tests have none.
func CompileShipped(lib *Library) (map[string][]byte, error) {
	out := map[string][]byte{}
	l := newLoader(lib)
	for i := range lib.Roots {
		root := &lib.Roots[i]
		if !root.Embedded {
			continue
		}
		err := fs.WalkDir(root.FS, ".", func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(file, ".star") || IsTest(file) {
				return err
			}
			p := l.parse(moduleKey{root, file})
			if p.err != nil {
				return p.err
			}
			digest := sha256.Sum256([]byte(p.source))
			b := bytes.NewBuffer(digest[:])
			if err := p.program.Write(b); err != nil {
				return err
			}
			out[compiledName(file)] = b.Bytes()
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// compiled is the program of a file that ships with the tool; nil = it has to
// be made from the source.
func (l *loader) compiled(key moduleKey, source string) (program *starlark.Program) {
	if l.lib.Compiled == nil || !key.root.Embedded || l.lib.Cover != nil || l.lib.Explain != nil {
		return nil
	}
	data, err := fs.ReadFile(l.lib.Compiled, compiledName(key.path))
	if err != nil || len(data) < sha256.Size {
		return nil
	}
	if sha256.Sum256([]byte(source)) != [sha256.Size]byte(data[:sha256.Size]) {
		return nil
	}
	defer func() {
		if recover() != nil { // a decoder that trusts what it reads
			program = nil
		}
	}()
	program, err = starlark.CompiledProgram(bytes.NewReader(data[sha256.Size:]))
	if err != nil {
		return nil
	}
	return program
}

// docOfSource is the string that a file begins with, or "": the only thing that
// a program does not tell.
func docOfSource(source string) string {
	lines := strings.SplitAfter(source, "\n")
	f, err := dialect.ParseCompoundStmt("", func() ([]byte, error) {
		if len(lines) == 0 {
			return nil, io.EOF
		}
		line := lines[0]
		lines = lines[1:]
		return []byte(line), nil
	})
	if err != nil {
		return ""
	}
	return fileDoc(f)
}

// loadsOf are the names that a file loads, in its order.
func loadsOf(p parsed) []string {
	var names []string
	if p.syntax == nil {
		for i := range p.program.NumLoads() {
			name, _ := p.program.Load(i)
			names = append(names, name)
		}
		return names
	}
	for _, stmt := range p.syntax.Stmts {
		if load, ok := stmt.(*syntax.LoadStmt); ok {
			names = append(names, load.ModuleName())
		}
	}
	return names
}
