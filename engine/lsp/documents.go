package lsp

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
)

// doc is a file that the editor has open.
type doc struct {
	uri     string
	file    string // absolute
	version int
	text    *Text
	stale   bool // what was said of it is older than its text
}

// open, changed and closed keep the texts as the editor has them.

func (s *server) open(_ context.Context, p *docParams) (any, error) {
	file, ok := fileOf(p.Document.URI)
	if !ok || !strings.HasSuffix(file, ".star") {
		return nil, nil // not ours to judge
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(file)); err == nil {
		file = filepath.Join(dir, filepath.Base(file))
	}
	s.docs[p.Document.URI] = &doc{uri: p.Document.URI, file: file, version: p.Document.Version, text: NewText(p.Document.Text)}
	s.staleAll()
	return nil, nil
}

func (s *server) changed(_ context.Context, p *docParams) (any, error) {
	d := s.docs[p.Document.URI]
	if d == nil {
		return nil, nil
	}
	for _, c := range p.Changes {
		d.text = d.text.edited(c)
	}
	d.version = p.Document.Version
	s.staleAll()
	return nil, nil
}

func (s *server) saved(context.Context, *docParams) (any, error) {
	s.staleAll()
	return nil, nil
}

func (s *server) closed(_ context.Context, p *docParams) (any, error) {
	d := s.docs[p.Document.URI]
	if d == nil {
		return nil, nil
	}
	delete(s.docs, p.Document.URI)
	s.out.write(notification{"2.0", "textDocument/publishDiagnostics", published{URI: d.uri, Diagnostics: []diagnostic{}}})
	s.staleAll()
	return nil, nil
}

// staleAll marks all that is open: one file may load another.
func (s *server) staleAll() {
	for _, d := range s.docs {
		d.stale = true
	}
}

// publishNext checks one open file of which nothing current was said; the next
// message is served before another one is. It reports whether there was one.
func (s *server) publishNext(ctx context.Context) bool {
	uris := []string{}
	for uri, d := range s.docs {
		if d.stale {
			uris = append(uris, uri)
		}
	}
	if len(uris) == 0 {
		return false
	}
	d := s.docs[slices.Min(uris)]
	d.stale = false
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	s.outdated = cancel
	s.mu.Unlock()
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(s.Log, "lsp: check %s: internal error: %v\n%s", d.file, p, debug.Stack())
		}
	}()
	found, version := s.diagnose(ctx, d), d.version
	if ctx.Err() != nil {
		d.stale = true // the person types on
		return false
	}
	s.out.write(notification{"2.0", "textDocument/publishDiagnostics", published{URI: d.uri, Version: &version, Diagnostics: found}})
	return true
}

// fileOf is the path that a URI names; ok is false for what is no file.
func fileOf(uri string) (file string, ok bool) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "file" || u.Path == "" || !filepath.IsAbs(u.Path) || strings.ContainsRune(u.Path, 0) {
		return "", false
	}
	return filepath.Clean(u.Path), true
}

func uriOf(file string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(file)}).String()
}
