package main

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"time"

	"runbook/engine"
)

// analyst answers an editor from a confined process: what is being typed may be
// `[0] * 10**9` for a moment. One that dies takes nothing along but its answer.
type analyst struct {
	cell *cell
	told map[string]map[string]string // what that process was told of the texts, by roots and file
	busy chan reply                   // of a question that nobody waits for any more; nil: none is open
}

// editing is a question about a file, with the roots that hold for it.
type editing struct {
	Roots    []root          `json:"roots"`
	Question engine.Question `json:"question"`
}

const (
	patience  = time.Second // with an answer that nobody waits for any more
	mostRoots = 8           // of which a process keeps what it read
)

// Ask asks. A process that dies is replaced and asked again, since the fault may
// have been that of an earlier file; when the second dies too, that is said of
// the file, as check does.
func (a *analyst) Ask(ctx context.Context, q engine.Question) (engine.Answer, error) {
	var gone *died
	got, err := a.ask(ctx, q)
	if errors.As(err, &gone) && ctx.Err() == nil {
		got, err = a.ask(ctx, q)
	}
	if errors.As(err, &gone) && q.About == engine.AboutProblems {
		return engine.Answer{Problems: []engine.Problem{{Pos: q.File, Rule: "load", Msg: gone.why, Severity: engine.SeverityError}}}, nil
	}
	return got, err
}

func (a *analyst) ask(ctx context.Context, q engine.Question) (engine.Answer, error) {
	a.settle()
	roots := editorRoots(filepath.Dir(q.File))
	key, err := json.Marshal(roots)
	if err != nil {
		return engine.Answer{}, err
	}
	if a.told[string(key)] == nil && len(a.told) >= mostRoots {
		a.end(false)
	}
	if a.cell == nil {
		if a.cell, err = openCell(roots); err != nil {
			return engine.Answer{}, err
		}
		a.told = map[string]map[string]string{}
	}
	if a.told[string(key)] == nil {
		a.told[string(key)] = map[string]string{}
	}
	q.Texts = news(a.told[string(key)], q.Texts)
	if err := a.cell.send(order{Edit: &editing{roots, q}}); err != nil {
		a.end(true)
		return engine.Answer{}, err
	}
	type said struct {
		reply
		err error
	}
	answer, open := make(chan said, 1), make(chan reply, 1)
	c := a.cell
	go func() {
		r, err := c.next()
		answer <- said{r, err}
		open <- r
	}()
	select {
	case s := <-answer:
		var gone *died
		if errors.As(s.err, &gone) {
			a.end(true)
		}
		if s.err != nil || s.Edited == nil {
			return engine.Answer{}, s.err
		}
		return *s.Edited, nil
	case <-ctx.Done():
		a.busy = open
		return engine.Answer{}, context.Cause(ctx)
	}
}

// news is what changed in the texts since they were told; it notes it as told.
func news(told map[string]string, texts map[string]*string) map[string]*string {
	out := map[string]*string{}
	for file, text := range texts {
		if old, ok := told[file]; !ok || old != *text {
			out[file] = text
			told[file] = *text
		}
	}
	for file := range told {
		if texts[file] == nil {
			out[file] = nil
			delete(told, file)
		}
	}
	return out
}

// settle waits for an answer that is still to come; a process that takes too
// long over it is ended.
func (a *analyst) settle() {
	if a.busy == nil {
		return
	}
	select {
	case <-a.busy:
	case <-time.After(patience):
		a.end(false)
	}
	a.busy = nil
}

// end ends the process; dead says that it is already.
func (a *analyst) end(dead bool) {
	if a.cell == nil {
		return
	}
	if !dead {
		_ = a.cell.cmd.Process.Kill()
		a.cell.close()
	}
	a.cell, a.told = nil, nil
}

func (a *analyst) close() { a.end(false) }

// editorRoots are the roots that hold for a file, with directories as they are
// without links: by these an editor's texts are found.
func editorRoots(dir string) []root {
	roots, _ := recipeRoots(dir)
	for i, r := range roots {
		if real, err := filepath.EvalSymlinks(r.Dir); r.Dir != "" && err == nil {
			roots[i].Dir = real
		}
	}
	return roots
}

// editors are the benches of a confined process, by the roots they load from.
type editors map[string]*bench

func (all editors) answer(ctx context.Context, e editing) (engine.Answer, error) {
	key, err := json.Marshal(e.Roots)
	if err != nil {
		return engine.Answer{}, err
	}
	b := all[string(key)]
	if b == nil {
		b = benchAt(e.Roots, nil)
		all[string(key)] = b
	}
	return b.checks().Answer(ctx, e.Question), nil
}
