package engine

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"sync"
)

// find is where the file lies that load(name) in another means: "lib/x.star" in
// the root of the loading file, then in the embedded one; "./x.star" beside it;
// "@pack//x.star" in the pack of that name.
func (l *loader) find(from moduleKey, name string) (moduleKey, error) {
	var roots []*Root
	var file string
	switch {
	case strings.HasPrefix(name, "@"):
		pack, rest, ok := strings.Cut(name[1:], "//")
		if !ok || rest == "" {
			return moduleKey{}, errors.New(`want "@pack//x.star" for a file of a pack`)
		}
		root, err := l.lib.pack(pack)
		if err != nil {
			return moduleKey{}, err
		}
		file = path.Clean(rest)
		roots = []*Root{root}
	case strings.HasPrefix(name, "./"):
		file = path.Join(path.Dir(from.path), name)
		roots = []*Root{from.root}
	case strings.HasPrefix(name, "lib/"):
		file = path.Clean(name)
		roots = []*Root{from.root}
		for i := range l.lib.Roots {
			if r := &l.lib.Roots[i]; r.Embedded && r != from.root {
				roots = append(roots, r)
			}
		}
	default:
		return moduleKey{}, errors.New(`want "./x.star" for a file beside this one, "lib/x.star", or "@pack//x.star"`)
	}
	if !fs.ValidPath(file) || file == "." {
		return moduleKey{}, errors.New("leads out of the recipes' directory")
	}
	var looked []string
	for _, r := range roots {
		if _, held := l.lib.held(r, file); held {
			return moduleKey{r, file}, nil
		}
		if _, err := fs.Stat(r.FS, file); !errors.Is(err, fs.ErrNotExist) {
			return moduleKey{r, file}, nil
		}
		looked = append(looked, r.place(file))
	}
	return moduleKey{}, fmt.Errorf("no such file: looked at %s%s", strings.Join(looked, ", "), l.didYouMean(roots, file))
}

// pack is the root of the pack of that name, unless nothing of it may be read.
func (lib *Library) pack(name string) (*Root, error) {
	var names []string
	for i := range lib.Roots {
		switch r := &lib.Roots[i]; {
		case r.Pack == "":
		case r.Pack == name:
			return r, r.Refused
		default:
			names = append(names, r.Pack)
		}
	}
	if n := Nearest(name, names); n != "" {
		return nil, fmt.Errorf("no pack %q here (did you mean @%s?)", name, n)
	}
	return nil, fmt.Errorf("no pack %q here: runbook pack add GIT-URL", name)
}

func (r *Root) place(file string) string {
	if r.Embedded {
		return file + " (embedded)"
	}
	return r.shown(file)
}

func (l *loader) didYouMean(roots []*Root, file string) string {
	var names []string
	for _, r := range roots {
		entries, _ := fs.ReadDir(r.FS, path.Dir(file))
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".star") {
				names = append(names, e.Name())
			}
		}
	}
	if n := Nearest(path.Base(file), names); n != "" {
		return fmt.Sprintf(" (did you mean %s?)", path.Join(path.Dir(file), n))
	}
	return ""
}

// source is the text of a file: what an editor holds of it, or what is on disk.
func (l *loader) source(key moduleKey) (string, error) {
	text, held := l.lib.held(key.root, key.path)
	switch {
	case !held:
		return readSource(key.root.FS, key.path)
	case len(text) > maxSource:
		return "", errTooLarge
	}
	return text, nil
}

// unixLines is a source whose lines all end with "\n", so that they are those that
// positions count: to Starlark "\r\n" ends one, and so does "\r" alone. What is
// kept, hashed and shown whole is the file as it is.
func unixLines(source string) string {
	if !strings.Contains(source, "\r") {
		return source
	}
	return lineEnds.Replace(source)
}

var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

var errTooLarge = errors.New("larger than " + grouped(maxSource) + " bytes")

// readSource reads a regular file of bounded size: a pipe in its place would
// hang us, a device would fill the memory.
func readSource(fsys fs.FS, name string) (string, error) {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", errors.New("not a regular file")
	}
	f, err := fsys.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var text strings.Builder
	text.Grow(int(min(info.Size(), maxSource)))
	piece := pieces.Get().(*[4096]byte)
	defer pieces.Put(piece)
	if _, err := io.CopyBuffer(&text, io.LimitReader(f, maxSource+1), piece[:]); err != nil {
		return "", err
	}
	if text.Len() > maxSource {
		return "", errTooLarge
	}
	return text.String(), nil
}

// pieces are what files are read through, so that a text lies in memory once.
var pieces = sync.Pool{New: func() any { return new([4096]byte) }}
