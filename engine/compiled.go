package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"io/fs"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// To parse and to resolve the hundred kilobytes of a large recipe takes longer
// than to look at the tree that it asks about. So the files that ship with the
// tool come with their programs: the digest of the text that each was made of,
// what that begins with, which no program tells, and the program as Starlark writes
// it. One that is missing, or of another text or another version of Starlark, is
// made anew from the text, silently: it is only slower.

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
			digest := digestOf(p.source)
			b := bytes.NewBuffer(digest[:])
			b.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(p.doc))))
			b.WriteString(p.doc)
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

// compiled is the program of a file that ships with the tool, and the string that
// the file begins with; nil = it has to be made from the source.
func (l *loader) compiled(key moduleKey, source string) (program *starlark.Program, doc string) {
	if l.lib.Compiled == nil || !key.root.Embedded || l.lib.Cover != nil || l.lib.Explain != nil {
		return nil, ""
	}
	f, err := l.lib.Compiled.Open(compiledName(key.path))
	if err != nil {
		return nil, ""
	}
	defer f.Close()
	var head [sha256.Size + 4]byte
	if _, err := io.ReadFull(f, head[:]); err != nil || digestOf(source) != [sha256.Size]byte(head[:]) {
		return nil, ""
	}
	text := make([]byte, min(binary.LittleEndian.Uint32(head[sha256.Size:]), maxSource))
	if _, err := io.ReadFull(f, text); err != nil {
		return nil, ""
	}
	defer func() {
		if recover() != nil { // a decoder that trusts what it reads
			program, doc = nil, ""
		}
	}()
	program, err = starlark.CompiledProgram(f)
	if err != nil {
		return nil, ""
	}
	return program, string(text)
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

// digestOf is the SHA-256 of a text, of which it makes no copy.
func digestOf(source string) (sum [sha256.Size]byte) {
	piece := pieces.Get().(*[4096]byte)
	defer pieces.Put(piece)
	h := sha256.New()
	for source != "" {
		n := copy(piece[:], source)
		h.Write(piece[:n])
		source = source[n:]
	}
	h.Sum(sum[:0])
	return sum
}
