package engine

import (
	"runtime"
	"sync"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// parsed is a file as far as it can be read without running what it loads.
type parsed struct {
	source  string
	doc     string            // what it begins with; "" = no string
	syntax  *syntax.File      // nil: could not be read, is no Starlark, or came compiled
	program *starlark.Program // nil: names what is not there
	unread  bool
	err     error
}

// parser reads each file once. When it meets a load() it begins with that file
// on the side: to read the libraries one after the other, each when the one
// before is done, was a fifth of the time of a run.
type parser struct {
	mu      sync.Mutex
	files   map[moduleKey]func() parsed
	queue   []func() parsed // to be read on the side
	readers int             // goroutines that do it
}

func newParser() *parser { return &NewParsed().parser }

// Parsed keeps the files that were parsed, for many libraries over the very same
// slice of roots and the same words: a test run loads each recipe anew for every
// test. A file that changes meanwhile is not read again.
type Parsed struct{ parser parser }

// NewParsed keeps none yet.
func NewParsed() *Parsed { return &Parsed{parser{files: map[moduleKey]func() parsed{}}} }

// forget drops all that does not ship with the tool.
func (p *parser) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for key := range p.files {
		if !key.root.Embedded {
			delete(p.files, key)
		}
	}
}

// parse reads a file, or waits for whoever does.
func (l *loader) parse(key moduleKey) parsed { return l.parsing(key)() }

func (l *loader) parsing(key moduleKey) func() parsed {
	l.parser.mu.Lock()
	defer l.parser.mu.Unlock()
	f := l.parser.files[key]
	if f == nil {
		f = sync.OnceValue(func() parsed { return l.parseFile(key) })
		l.parser.files[key] = f
	}
	return f
}

func (l *loader) parseFile(key moduleKey) (p parsed) {
	if p.source, p.err = l.source(key); p.err != nil {
		p.unread = true
		return p
	}
	if p.program, p.doc = l.compiled(key, p.source); p.program != nil {
		l.loadsAhead(key, p)
		return p
	}
	if p.syntax, p.err = dialect.Parse(key.root.shown(key.path), p.source, 0); p.err != nil {
		p.syntax = nil
		return p
	}
	p.doc = fileDoc(p.syntax)
	l.loadsAhead(key, p)
	if l.lib.Cover != nil && !key.root.Embedded && !IsTest(key.path) {
		l.lib.Cover.instrument(key.root.shown(key.path), p.syntax)
	}
	if l.lib.Explain != nil && !IsTest(key.path) {
		l.lib.Explain.instrument(p.source, p.syntax)
	}
	p.program, p.err = starlark.FileProgram(p.syntax, l.wordsOf(key).Has)
	return p
}

// loadsAhead begins with the files that a file loads.
func (l *loader) loadsAhead(key moduleKey, p parsed) {
	for _, name := range loadsOf(p) {
		if next, err := l.find(key, name); err == nil {
			l.ahead(next)
		}
	}
}

// ahead parses a file that will be asked for. Whoever asks gets its panic, too.
func (l *loader) ahead(key moduleKey) {
	f, p := l.parsing(key), l.parser
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = append(p.queue, f)
	if p.readers < runtime.GOMAXPROCS(0) {
		p.readers++
		go p.read()
	}
}

// read parses what is queued. A goroutine for each file would have to grow a stack
// for each.
func (p *parser) read() {
	for {
		p.mu.Lock()
		if len(p.queue) == 0 {
			p.readers--
			p.mu.Unlock()
			return
		}
		f := p.queue[0]
		p.queue = p.queue[1:]
		p.mu.Unlock()
		func() {
			defer func() { _ = recover() }()
			f()
		}()
	}
}
