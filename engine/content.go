package engine

import (
	"io"
	"path"
	"strings"

	"golang.org/x/mod/sumdb/dirhash"
)

// content is the hash of a file and of all files that it loads, directly or by
// others, in the form "h1:…" of go.sum. Where they lie does not count, only how
// they lie to each other; what ships with the tool is left out, because it
// changes with the tool and is trusted with it.
func (m *module) content() string {
	sources := map[string]string{}
	m.gather(sources, map[*module]bool{})
	var names []string
	for name := range sources {
		names = append(names, name)
	}
	// Its only errors are those of open, and of a name with a newline.
	sum, err := dirhash.Hash1(names, func(name string) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(sources[name])), nil
	})
	if err != nil {
		return ""
	}
	return sum
}

func (m *module) gather(into map[string]string, seen map[*module]bool) {
	if seen[m] || m.root.Embedded {
		return
	}
	seen[m] = true
	name := m.path
	if m.root.Pack != "" {
		name = path.Join("@"+m.root.Pack, name)
	}
	into[name] = m.source
	for _, next := range m.loads {
		next.gather(into, seen)
	}
}
