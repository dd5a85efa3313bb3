package lsp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"runbook/engine"
)

// Analyst knows recipes. It is asked one question at a time.
type Analyst interface {
	Ask(ctx context.Context, q engine.Question) (engine.Answer, error)

	// Readable is the path of a file on disk that holds what ships embedded.
	Readable(path string) (string, error)
}

// Options say whom to serve.
type Options struct {
	In      io.Reader
	Out     io.Writer // nothing but frames goes there
	Log     io.Writer // what the editor cannot be told
	Version string
	Analyst Analyst

	Begin func(dir string)   // hears of the workspace's directory, once; may be nil
	Alive func(pid int) bool // reports whether the editor lives; nil: nobody can tell
	Poll  time.Duration      // how often that is asked
	Quiet time.Duration      // how long an editor must be quiet before a file is checked
}

// ErrNoShutdown is the error of an editor that went without saying so.
var ErrNoShutdown = errors.New("the editor went without asking to shut down")

// server is one session.
type server struct {
	Options
	out  *writer
	docs map[string]*doc // by URI

	queue    chan incoming
	mu       sync.Mutex
	stopping map[string]context.CancelFunc // by the id of a request that waits or runs
	outdated context.CancelFunc            // of the check that runs; nil: none does
	begun    bool
	shut     bool
}

// Serve serves one editor until it says exit or goes. Errors: ErrNoShutdown, or
// what writing to it said.
func Serve(ctx context.Context, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &server{Options: o, out: &writer{out: o.Out}, docs: map[string]*doc{}, queue: make(chan incoming, 1024), stopping: map[string]context.CancelFunc{}}
	go s.read(ctx)
	var gone <-chan struct{}
	quiet := time.NewTimer(time.Hour)
	defer quiet.Stop()
	for {
		select {
		case m, ok := <-s.queue:
			if !ok {
				return s.end()
			}
			if m.Method == "exit" {
				return s.end()
			}
			s.handle(m)
			if m.Method == "initialize" && s.Alive != nil && gone == nil {
				if pid := editorOf(m.Params); pid > 0 {
					var stop func()
					gone, stop = s.watch(pid)
					defer stop()
				}
			}
			quiet.Reset(s.Quiet)
		case <-quiet.C:
			if s.publishNext(ctx) {
				quiet.Reset(0)
			}
		case <-gone:
			return ErrNoShutdown
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if s.out.err != nil {
			return fmt.Errorf("write to the editor: %w", s.out.err)
		}
	}
}

func (s *server) end() error {
	if s.shut {
		return nil
	}
	return ErrNoShutdown
}

// watch hears of the editor's death: one that is killed may leave us its
// streams, where another process holds them.
func (s *server) watch(pid int) (gone <-chan struct{}, stop func()) {
	tick := time.NewTicker(s.Poll)
	dead, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				if !s.Alive(pid) {
					close(dead)
					return
				}
			}
		}
	}()
	return dead, sync.OnceFunc(func() { close(done) })
}

func editorOf(params json.RawMessage) int {
	var p struct {
		ProcessID int `json:"processId"`
	}
	_ = json.Unmarshal(params, &p)
	return p.ProcessID
}

// handle answers one message, whatever becomes of it.
func (s *server) handle(m incoming) {
	if m.cancel != nil {
		defer s.settle(m)
	}
	if m.bad != nil {
		s.refuse(m.ID, m.bad)
		return
	}
	result, err := s.guarded(m)
	if m.ID == nil {
		if err != nil {
			fmt.Fprintf(s.Log, "lsp: %s: %v\n", m.Method, err)
		}
		return
	}
	var known *rpcError
	switch {
	case err == nil:
		s.out.write(answer{"2.0", m.ID, result})
	case errors.As(err, &known):
		s.refuse(m.ID, known)
	default:
		s.refuse(m.ID, &rpcError{codeInternal, err.Error()})
	}
}

// settle forgets a request that was answered. A second one by the same id, which
// there should not be, cannot be taken back any more.
func (s *server) settle(m incoming) {
	m.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.stopping, string(m.ID))
}

func (s *server) refuse(id json.RawMessage, e *rpcError) {
	if id == nil {
		id = json.RawMessage("null")
	}
	s.out.write(refusal{"2.0", id, e})
}

// guarded keeps a bug of ours from ending the session.
func (s *server) guarded(m incoming) (result any, err error) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(s.Log, "lsp: %s: internal error: %v\n%s", m.Method, p, debug.Stack())
			result, err = nil, fmt.Errorf("internal error: %v", p)
		}
	}()
	if m.ID != nil && m.ctx.Err() != nil {
		return nil, &rpcError{codeCancelled, "cancelled"}
	}
	result, err = s.dispatch(m)
	if m.ID != nil && m.ctx.Err() != nil {
		return nil, &rpcError{codeCancelled, "cancelled"}
	}
	return result, err
}

func (s *server) dispatch(m incoming) (any, error) {
	switch m.Method {
	case "initialize":
		return s.initialize(m.Params), nil
	case "shutdown":
		s.shut = true
		return nil, nil
	case "initialized", "$/setTrace", "workspace/didChangeConfiguration":
		return nil, nil
	}
	switch {
	case s.shut:
		return nil, &rpcError{codeRequest, "after shutdown comes exit"}
	case !s.begun:
		return nil, &rpcError{codeNotInitialized, "initialize comes first"}
	}
	if m.Method == "workspace/didChangeWatchedFiles" {
		s.staleAll()
		return nil, nil
	}
	answer, known := answers[m.Method]
	if !known {
		if strings.HasPrefix(m.Method, "$/") && m.ID == nil {
			return nil, nil // may be ignored
		}
		return nil, &rpcError{codeMethod, "no method " + m.Method}
	}
	var p docParams
	if err := json.Unmarshal(m.Params, &p); err != nil {
		return nil, &rpcError{codeParams, err.Error()}
	}
	return answer(s, m.ctx, &p)
}

func (s *server) initialize(params json.RawMessage) any {
	var p struct {
		RootURI  string `json:"rootUri"`
		RootPath string `json:"rootPath"`
		Folders  []struct {
			URI string `json:"uri"`
		} `json:"workspaceFolders"`
	}
	_ = json.Unmarshal(params, &p)
	dir := p.RootPath
	if at, ok := fileOf(p.RootURI); ok {
		dir = at
	} else if len(p.Folders) > 0 {
		dir, _ = fileOf(p.Folders[0].URI)
	}
	if !s.begun && s.Begin != nil && filepath.IsAbs(dir) {
		s.Begin(dir)
	}
	s.begun = true
	return initialized(s.Version)
}
