package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"runbook/builtins/recipetest"
	"runbook/engine"
	"runbook/engine/event"
)

// A recipe can ask for more memory than the machine has (`[0] * 10**9`), and
// no limit exists in go.starlark.net. So a recipe that did not ship with this
// binary is loaded and run by a process of its own, with a limit on its address
// space: a cell. Running into the limit is a fatal error of the Go runtime,
// which only a process boundary contains.
//
//	we ──stdin: order, a JSON line each──▶ runbook confined
//	   ◀──fd 3: reply, a JSON line each───
//
// The cell loads, looks and acts; the sinks and the terminal stay with us. When
// we die it sees its stdin close, and ends its run in order.
type cell struct {
	cmd     *exec.Cmd
	orders  *json.Encoder
	stdin   io.Closer
	replies *bufio.Reader
	stderr  *head
	wait    func() error
}

// order is what we ask of a cell: one of these.
type order struct {
	Load  string     `json:"load,omitempty"`
	Check string     `json:"check,omitempty"`
	Reach string     `json:"reach,omitempty"`
	Run   *job       `json:"run,omitempty"`
	Test  *testOrder `json:"test,omitempty"`

	Edit *editing `json:"edit,omitempty"`

	Fixture *recipetest.Fixture `json:"fixture,omitempty"`

	Answer *answer      `json:"answer,omitempty"`
	Keep   *place       `json:"keep,omitempty"`
	Roots  []root       `json:"roots,omitempty"` // with the first order
	Host   *hostOptions `json:"host,omitempty"`
}

// reply is what a cell says: one of these.
type reply struct {
	Loaded   *engine.Recipe     `json:"loaded,omitempty"`
	Problems *[]engine.Problem  `json:"problems,omitempty"`
	Reaches  *[]engine.Reach    `json:"reaches,omitempty"`
	Tested   *tested            `json:"tested,omitempty"`
	Edited   *engine.Answer     `json:"edited,omitempty"`
	Made     *recipetest.Made   `json:"made,omitempty"`
	Failed   *failure           `json:"failed,omitempty"`
	Event    *event.Event       `json:"event,omitempty"`
	Ask      *question          `json:"ask,omitempty"`
	Keep     string             `json:"keep,omitempty"` // the name of an artefact
	Finished *event.RunFinished `json:"finished,omitempty"`
}

// failure is an error that crossed the boundary.
type failure struct {
	Text string `json:"text"`
	Hint string `json:"hint,omitempty"`
	Code int    `json:"code"`

	NoRecipe bool `json:"no_recipe,omitempty"` // it is an engine.ErrNoRecipe
}

func newFailure(err error) *failure {
	text, hint, code := explain(err)
	return &failure{Text: text, Hint: hint, Code: code, NoRecipe: errors.Is(err, engine.ErrNoRecipe)}
}

// err is the error as the cell had it, as far as we must tell errors apart.
func (f *failure) err() error {
	var err error = errors.New(f.Text)
	if f.NoRecipe {
		err = &worded{f.Text, engine.ErrNoRecipe}
	}
	return &hinted{err: err, hint: f.Hint, code: f.Code}
}

// worded is an error of a kind that is known here, in the words of the cell.
type worded struct {
	text string
	kind error
}

func (w *worded) Error() string { return w.text }
func (w *worded) Unwrap() error { return w.kind }

type question struct {
	Effect engine.Effect `json:"effect"`
	Step   string        `json:"step"`
	What   event.View    `json:"what"`
}

type answer struct {
	Yes   bool   `json:"yes"`
	Error string `json:"error,omitempty"`
}

// place answers where an artefact goes; "" = nowhere.
type place struct {
	Path  string `json:"path"`
	Error string `json:"error,omitempty"`
}

// memoryLimit is what a recipe may use, above what the program needs at rest.
const memoryLimit = 256 << 20

const outOfMemory = "recipe used more than 256 MiB of memory"

// died is the error of a cell that ended without an answer.
type died struct{ why string }

func (d *died) Error() string { return d.why }

func openCell(roots []root) (*cell, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start a confined process: %w", err)
	}
	exe, err := thisBinary()
	if err != nil {
		return nil, fmt.Errorf("start a confined process: %w", err)
	}
	c := &cell{cmd: exec.Command(exe, "confined"), stderr: &head{max: 16 << 10}}
	c.cmd.Args[0] = "runbook"
	c.cmd.Env = append(os.Environ(), confinedEnv+"=1")
	for name, value := range confinedOnly {
		c.cmd.Env = append(c.cmd.Env, name+"="+value)
	}
	c.cmd.ExtraFiles = []*os.File{write}
	c.cmd.Stderr = c.stderr
	// Its own group: Ctrl-C reaches us, and we pass it on, so that the cell
	// closes its run before either of us ends.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := c.cmd.StdinPipe()
	if err == nil {
		err = c.cmd.Start()
	}
	write.Close()
	if err != nil {
		read.Close()
		return nil, fmt.Errorf("start a confined process: %w", err)
	}
	c.stdin, c.orders, c.replies = stdin, json.NewEncoder(stdin), bufio.NewReader(read)
	c.wait = sync.OnceValue(func() error {
		defer read.Close()
		return c.cmd.Wait()
	})
	return c, c.send(order{Roots: roots})
}

func (c *cell) send(o order) error {
	if err := c.orders.Encode(o); err != nil {
		return c.death()
	}
	return nil
}

// next is the cell's next reply. A *died error ends the conversation.
func (c *cell) next() (reply, error) {
	line, err := c.replies.ReadBytes('\n')
	if err != nil {
		return reply{}, c.death() // also when it died within a line
	}
	var r reply
	if err := json.Unmarshal(line, &r); err != nil {
		return reply{}, fmt.Errorf("confined process: %w", err)
	}
	if r.Failed != nil {
		return r, r.Failed.err()
	}
	return r, nil
}

// death waits for the process, puts back what it had begun, and says in one line
// why it ended.
func (c *cell) death() error {
	c.stdin.Close()
	kill := time.AfterFunc(5*time.Second, func() { _ = c.cmd.Process.Kill() })
	defer kill.Stop()
	err := c.wait()
	why := causeOfDeath(c.stderr.text(), err)
	if done := putBackAfter(c.cmd.Process.Pid); done != "" {
		why += "; " + done
	}
	return &died{why: why}
}

// causeOfDeath reads the last words of a Go program. Near the limit the
// runtime finds many ways to fail: any failure to get memory, a thread or a
// deeper stack is the limit's doing.
func causeOfDeath(stderr string, err error) string {
	for _, s := range []string{
		"out of memory", "cannot allocate memory", "cannot map pages", "failed to reserve", "address space collisions", "failed to allocate",
		"failed to create new OS thread", "pthread_create failed", "stack overflow", "stack exceeds", "mmap", "arena",
		"makeslice: len out of range", "failed to commit",
	} {
		if strings.Contains(stderr, s) {
			return outOfMemory
		}
	}
	first, _, _ := strings.Cut(strings.TrimSpace(stderr), "\n")
	switch {
	case first != "":
		return "the confined process died: " + first
	case err != nil:
		return fmt.Sprintf("the confined process died: %v", err)
	default:
		return "the confined process ended without an answer"
	}
}

func (c *cell) load(name string) (*engine.Recipe, error) {
	if err := c.send(order{Load: name}); err != nil {
		return nil, err
	}
	r, err := c.next()
	if err != nil {
		return nil, err
	}
	if r.Loaded == nil {
		return nil, errors.New("confined process: no recipe in its answer")
	}
	return r.Loaded, nil
}

func (c *cell) check(path string) ([]engine.Problem, error) {
	if err := c.send(order{Check: path}); err != nil {
		return nil, err
	}
	r, err := c.next()
	if err != nil || r.Problems == nil {
		return nil, err
	}
	return *r.Problems, nil
}

func (c *cell) reaches(path string) ([]engine.Reach, error) {
	if err := c.send(order{Reach: path}); err != nil {
		return nil, err
	}
	r, err := c.next()
	if err != nil || r.Reaches == nil {
		return nil, err
	}
	return *r.Reaches, nil
}

// run runs the recipe that was loaded last. Whatever becomes of the cell, sink
// sees a stream that is closed by RunFinished once it began.
func (c *cell) run(ctx context.Context, j job, out event.Sink, ask asker) (event.RunFinished, error) {
	// Passing the signal on is enough to end a cell in order; one that is deep
	// in a huge allocation hears nothing, and is killed.
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-ended:
			return
		case <-ctx.Done():
		}
		s := syscall.SIGTERM
		if errors.Is(context.Cause(ctx), engine.ErrInterrupted) {
			s = syscall.SIGINT
		}
		_ = c.cmd.Process.Signal(s)
		select {
		case <-ended:
		case <-time.After(cellGrace):
			_ = c.cmd.Process.Kill()
		}
	}()

	story := &ending{sink: out, job: j}
	if err := c.send(order{Run: &j}); err != nil {
		return story.close(ctx, err)
	}
	hush := func() {}
	for {
		r, err := c.next()
		hush() // whatever it says now, it no longer asks
		switch {
		case err != nil:
			return story.close(ctx, err)
		case r.Event != nil:
			_ = story.Write(*r.Event)
		case r.Finished != nil:
			return *r.Finished, nil
		case r.Keep != "":
			var p place
			if k, ok := out.(keeper); ok {
				if p.Path, err = k.artefact(r.Keep); err != nil {
					p.Error = err.Error()
				}
			}
			if err := c.send(order{Keep: &p}); err != nil {
				return story.close(ctx, err)
			}
		case r.Ask != nil:
			hush = c.ask(ctx, ask, r.Ask)
		}
	}
}

// ask puts the cell's question to a person, and their answer to the cell, while
// the caller listens on: a cell whose time is over does not wait for answers.
// The function that it returns takes the question back and returns when nobody
// is asked any more.
func (c *cell) ask(ctx context.Context, ask asker, q *question) (hush func()) {
	ctx, cancel := context.WithCancel(ctx)
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		var a answer
		if ask == nil {
			a.Error = "nobody can be asked"
		} else if yes, err := ask(ctx, q.Effect, q.Step, q.What); err != nil {
			a.Error = err.Error()
		} else {
			a.Yes = yes
		}
		if ctx.Err() == nil {
			_ = c.orders.Encode(order{Answer: &a}) // of a cell that is dead the caller hears
		}
	}()
	return func() { cancel(); <-asked }
}

// cellGrace is what a cell gets to close its run: the engine's own patience
// with an undo, and some.
const cellGrace = 40 * time.Second

func (c *cell) close() {
	c.stdin.Close()
	kill := time.AfterFunc(cellGrace, func() { _ = c.cmd.Process.Kill() })
	defer kill.Stop()
	_ = c.wait()
}

// head keeps the beginning of what is written to it: a fatal error says first
// what it is.
type head struct {
	mu  sync.Mutex
	buf bytes.Buffer
	max int
}

func (h *head) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.buf.Write(p[:min(len(p), h.max-h.buf.Len())])
	return len(p), nil
}

func (h *head) text() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.buf.String()
}
