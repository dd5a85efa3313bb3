package probe

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// BareRun is one function to call with nothing around it.
type BareRun struct {
	Call   string        // module:function(arguments), or file.py:function(…); the arguments are literals
	Runner string        // trio, asyncio, sync, or auto
	Limit  time.Duration // of the call; imports are not counted
	Python string        // as PythonRun.Python
	Dir    string        // where it runs, and modules are found first; "" = here
}

// Bare is what became of a BareRun.
//
// Outcome:
//
//	raised         the call ended with Exception
//	returned       … with Value
//	tripped        it was ended in the moment in which it touched a wire: the last of Tripped
//	too-long       it was not done after Limit; Exception.Where is where it stood
//	hang           … and nothing of it could say so
//	died           the process ended in the midst of it
//	import-failed  Exception is why the module, or the runner, could not be imported
//	no-function    the module has no such function
//	no-runner      the interpreter has no trio
//	bad-call       Call is none; Exception.Text says why
type Bare struct {
	Outcome   string
	Phase     string        // of hang and died: import, call
	Runner    string        // that was used; "" = it did not come to that
	Took      time.Duration // the call
	Exception BareException // zero = none
	Value     string        // repr, its beginning
	Async     bool          // Value is a coroutine or a context manager that nobody ran
	Tripped   []BareWire    // what was touched, in order, and what was seen from outside
	Python    string
	Why       string // it was taken
	Version   string // "3.11.7"
	Output    []byte // the end of stdout and stderr
	Blind     string // why the process could not be looked at from outside; "" = it was
}

// BareException is what a call raised. Of a group with one exception it is
// that one.
type BareException struct {
	Type      string   `json:"type"`      // "ValueError", "pkg.mod.Error"; "" = none
	Bases     []string `json:"bases"`     // it and its bases, in method resolution order, without object
	Text      string   `json:"text"`      // str of it
	Traceback string   `json:"traceback"` // without our frames
	Where     string   `json:"where"`     // file:line of the last frame that is no event loop's; "" = none
	Groups    int      `json:"groups"`    // groups that it was taken out of
}

// BareWire is a sign of a runtime: a child process, a listener, a connection.
type BareWire struct {
	Phase string `json:"phase"` // import, call; outside: seen by us, when the call was over
	Kind  string `json:"kind"`  // child, listener, connection
	Text  string `json:"text"`  // "starts sleep 5"
	Where string `json:"where"` // file:line of the user's code; "" = unknown
}

//go:embed bare.py
var barePy []byte

const (
	// importLimit bounds what comes before a call.
	importLimit = 60 * time.Second
	// deafLimit is how long after its limit a call that cannot say so is ended: one
	// that holds the interpreter's lock.
	deafLimit = 3 * time.Second
)

// CallBare calls one function in an interpreter of its own, with nothing around
// it but an event loop, and with tripwires: audit hooks in the process that end
// the call in the moment in which it starts a program, listens, connects, sends a
// datagram or asks for an address, before that happens, and a look from outside
// when it is over. What a library in C does past the interpreter is seen only
// from outside: a child, also one that has ended, and what listens or is
// connected still; not a datagram, nor what was closed again.
//
// Errors: ErrNoPython, which names what was tried; ctx's; the interpreter does
// not run. A call that fails is none.
func CallBare(ctx context.Context, h Host, r BareRun) (Bare, error) {
	b := Bare{Tripped: []BareWire{}}
	dir, done, err := borrowPrivate()
	if err != nil {
		return b, fmt.Errorf("bare: %w", err)
	}
	defer done()
	look := &bareLook{host: h, said: filepath.Join(dir, "said"), seen: filepath.Join(dir, "seen"), limit: r.Limit}
	limit := strconv.FormatFloat(r.Limit.Seconds(), 'f', -1, 64)
	ran, err := Python(ctx, h, PythonRun{
		Python: r.Python, Script: barePy, Name: "bare.py", Args: []string{r.Call, r.Runner, limit, look.said, look.seen}, Dir: r.Dir,
		Timeout: importLimit + r.Limit + deafLimit, Grace: 2 * time.Second, MaxBytes: 64 << 10, Watch: look.watch,
	})
	b.Python, b.Why, b.Version, b.Output = ran.Python, ran.Why, ran.Version, ran.Output
	var ended *PythonEndedError
	switch {
	case ctx.Err() != nil:
		return b, fmt.Errorf("bare: %w", ctx.Err())
	case len(ran.Answers) > 0:
		var began baseline
		if err := b.take(ran.Answers[0], &began); err != nil {
			return b, fmt.Errorf("bare: %w", err)
		}
		look.tell(&b, began)
		return b, nil
	case errors.As(err, &ended):
		b.Outcome, b.Phase = "died", "import"
		if ended.TimedOut {
			b.Outcome = "hang"
		}
		if _, err := os.Stat(look.said + ".call"); err == nil {
			b.Phase = "call"
		}
		b.Exception.Text = fmt.Sprintf("exit code %d", ended.ExitCode)
		if ended.Signal != "" {
			b.Exception.Text = "ended by " + ended.Signal
		}
		return b, nil
	case err == nil:
		err = errors.New("no answer")
	}
	return b, fmt.Errorf("bare: %w", err)
}

// baseline is what was there before the call.
type baseline struct {
	children []int
	sockets  []uint64
}

func (b *Bare) take(answer []byte, began *baseline) error {
	var word struct {
		Outcome, Runner, Value string
		Took                   float64
		Exception              *BareException
		Tripped                []BareWire
		Reaped, Async          bool
		Children               []int
		Sockets                []uint64
	}
	if err := json.Unmarshal(answer, &word); err != nil {
		return err
	}
	b.Outcome, b.Runner, b.Value, b.Async = word.Outcome, word.Runner, word.Value, word.Async
	b.Took = time.Duration(word.Took * float64(time.Second))
	b.Tripped = append(b.Tripped, word.Tripped...)
	if word.Exception != nil {
		b.Exception = *word.Exception
	}
	if word.Reaped {
		b.Tripped = append(b.Tripped, BareWire{Phase: "outside", Kind: "child", Text: "had a child, which has ended,"})
	}
	began.children, began.sockets = word.Children, word.Sockets
	return nil
}

// bareLook looks at the process when its last word is said, and lets it go.
type bareLook struct {
	host       Host
	said, seen string
	limit      time.Duration

	calling  time.Time // when the call was first seen to have begun
	done     bool
	children []Process
	sockets  []Socket
	err      error
}

func (l *bareLook) watch(ctx context.Context, tree []ID) (over bool) {
	if l.done {
		return false
	}
	text, err := os.ReadFile(l.said)
	if err != nil {
		if _, err := os.Stat(l.said + ".call"); err == nil && l.calling.IsZero() {
			l.calling = time.Now()
		}
		return !l.calling.IsZero() && time.Since(l.calling) > l.limit+deafLimit
	}
	l.done = true
	if pid, err := strconv.Atoi(string(text)); err == nil {
		l.look(ctx, pid, tree)
	}
	if err := os.WriteFile(l.seen, nil, 0o600); err != nil {
		l.err = errors.Join(l.err, err) // it goes by itself, later
	}
	return false
}

// look reads who is in the tree besides the process and those that it was
// started through, and which sockets the process has.
func (l *bareLook) look(ctx context.Context, pid int, tree []ID) {
	procs := map[int]Process{}
	for _, id := range tree {
		if p, err := ReadProcess(ctx, l.host, id.PID); err == nil && p.ID == id {
			procs[id.PID] = p
		}
	}
	above := map[int]bool{}
	for at := pid; at > 1 && !above[at]; at = procs[at].PPID {
		above[at] = true
	}
	for _, id := range tree {
		if p, ok := procs[id.PID]; ok && !above[id.PID] {
			l.children = append(l.children, p)
		}
	}
	fds, err := FDs(ctx, l.host, pid)
	if err == nil {
		fds = slices.DeleteFunc(fds, func(fd FD) bool { return fd.Kind != "socket" })
		l.sockets, err = l.host.Sockets(ctx, pid, fds)
	}
	l.err = errors.Join(l.err, err)
}

// tell adds what was seen from outside and was not there before the call.
func (l *bareLook) tell(b *Bare, began baseline) {
	if l.err != nil {
		b.Blind = l.err.Error()
	}
	for _, p := range l.children {
		if !slices.Contains(began.children, p.PID) {
			b.Tripped = append(b.Tripped, BareWire{Phase: "outside", Kind: "child", Text: fmt.Sprintf("has a child, pid %d (%s),", p.PID, shortened(CommandLine(p.Args)))})
		}
	}
	for i := range l.sockets {
		s := &l.sockets[i]
		if slices.Contains(began.sockets, s.Inode) {
			continue
		}
		switch {
		case s.Listening():
			b.Tripped = append(b.Tripped, BareWire{Phase: "outside", Kind: "listener", Text: "listens at " + s.Local})
		case s.Remote != "" && (s.Family != "unix" || strings.HasPrefix(s.Remote, "/") || strings.HasPrefix(s.Remote, "@")):
			b.Tripped = append(b.Tripped, BareWire{Phase: "outside", Kind: "connection", Text: "is connected to " + s.Remote})
		}
	}
}
