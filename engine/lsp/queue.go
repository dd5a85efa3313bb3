package lsp

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
)

// incoming is a message on its way, or why there is none.
type incoming struct {
	message
	ctx    context.Context
	cancel context.CancelFunc // of a request
	bad    *rpcError
}

// read puts messages into the queue; a request that is taken back is so at once.
func (s *server) read(ctx context.Context) {
	defer close(s.queue)
	in := bufio.NewReader(s.In)
	for {
		body, err := readFrame(in)
		m := incoming{ctx: ctx}
		switch {
		case errors.Is(err, errTooLong):
			m.bad = &rpcError{codeRequest, err.Error()}
		case err != nil:
			return
		case json.Unmarshal(body, &m.message) != nil:
			m.message = message{}
			m.bad = &rpcError{codeParse, "no message in JSON"}
		case m.Method == "" && m.ID != nil && hasResult(body):
			continue // an answer: we asked nothing
		case m.Method == "":
			m.bad = &rpcError{codeRequest, "a message without a method"}
		case m.Method == "$/cancelRequest":
			s.cancel(m.Params)
			continue
		}
		if m.Method == "textDocument/didChange" || m.Method == "exit" {
			s.mu.Lock()
			if s.outdated != nil {
				s.outdated()
			}
			s.mu.Unlock()
		}
		if m.ID != nil {
			m.ctx, m.cancel = context.WithCancel(ctx)
			s.mu.Lock()
			s.stopping[string(m.ID)] = m.cancel
			s.mu.Unlock()
		}
		select {
		case s.queue <- m:
		case <-ctx.Done():
			return
		}
	}
}

func hasResult(body []byte) bool {
	var a map[string]json.RawMessage
	return json.Unmarshal(body, &a) == nil && (a["result"] != nil || a["error"] != nil)
}

func (s *server) cancel(params json.RawMessage) {
	var p struct {
		ID json.RawMessage `json:"id"`
	}
	if json.Unmarshal(params, &p) != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if cancel := s.stopping[string(p.ID)]; cancel != nil {
		cancel()
	}
}
