package probe

import (
	"bytes"
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

// PythonRun is a script of ours to run in the user's own interpreter.
type PythonRun struct {
	// Python is the interpreter: a path, or a command line that ends in one.
	// "" = that of $VIRTUAL_ENV, else .venv/bin/python in Dir or here, else python3.
	Python string
	// Script is Python 3.8 or later. It finds answer(value), which hands a value
	// back, and problem(error), which makes a PythonProblem of an exception.
	Script []byte
	Name   string // of the script, in tracebacks: "logging_chain.py"
	Args   []string
	Stdin  []byte
	Dir    string   // where it runs; "" = here. Modules are found there first
	Env    []string // whole environment; nil = ours
	// Isolated is python -I: neither environment nor directory can bring in
	// code of the user.
	Isolated bool
	Timeout  time.Duration // 0 = none
	Grace    time.Duration // from the deadline to SIGKILL; half of it is for SIGINT
	MaxBytes int           // of output; 0 = 1 MiB. The end is kept
	// Watch is Command.Watch.
	Watch func(ctx context.Context, tree []ID) (over bool)
}

// PythonResult is what a script said, and how it ended.
type PythonResult struct {
	Python     string // the command line of the interpreter
	Why        string // it was taken: "of $VIRTUAL_ENV"
	Version    string // "3.11.7"; "" = it never began
	Executable string // sys.executable
	Answers    []json.RawMessage
	// Failure is what the script, or what it imported, failed with; nil = it
	// did not fail, or could not tell. At the deadline it is where SIGINT found it.
	Failure  *PythonProblem
	Output   []byte // the end of stdout and stderr: what others printed
	Duration time.Duration
	Outlived []Process // that it left behind; they were ended
}

// PythonProblem is an exception.
type PythonProblem struct {
	Type      string `json:"type"` // "ImportError", "module.Class"
	Text      string `json:"text"`
	Traceback string `json:"traceback"` // in Python's words, without our frames and those of the import machinery
	File      string `json:"file"`      // of the last frame outside of Python's own library, or of a syntax error; "" = none is left
	Line      int    `json:"line"`
}

// Error is the last line of the traceback.
func (p *PythonProblem) Error() string {
	if p.Text == "" {
		return p.Type
	}
	return p.Type + ": " + p.Text
}

var (
	// ErrNoPython means that no interpreter was found.
	ErrNoPython = errors.New("no Python")

	//go:embed python_run.py
	pythonRunner []byte
)

// maxAnswers bounds what a script may hand back.
const maxAnswers = 256 << 20

// PythonEndedError means that a script did not come to its end: it ran into
// the deadline, a signal ended it, or the interpreter left it.
type PythonEndedError struct {
	TimedOut bool
	After    time.Duration
	Signal   string // "SIGSEGV"; "" = none
	ExitCode int    // -1 when a signal ended it
	Output   string // the last line that was printed; "" = none
}

func (e *PythonEndedError) Error() string {
	text := "exit status " + strconv.Itoa(e.ExitCode) + " in the midst of the script"
	switch {
	case e.TimedOut:
		text = "not done after " + e.After.Round(time.Millisecond).String()
	case e.Signal != "":
		text = "ended by " + e.Signal
	}
	if e.Output != "" {
		text += ": " + e.Output
	}
	return text
}

// Python runs a script of ours in the user's interpreter, in a session of its
// own, of which nothing is left when it returns. What it answers comes back
// through a file of its own, so that whatever is printed does not matter.
// Byte code is not written beside the user's modules.
//
// Errors: ErrNoPython, which names what was tried; Dir is none; a *PythonEndedError; the
// *PythonProblem that the script failed with; ctx's. The result holds, with
// what was answered until then, once the interpreter was started.
func Python(ctx context.Context, h Host, r PythonRun) (PythonResult, error) {
	var result PythonResult
	act := h.Act()
	if act == nil {
		return result, fmt.Errorf("python: %w", ErrUnsupported)
	}
	if r.Env == nil {
		r.Env = os.Environ()
	}
	python, err := choosePython(r.Python, r.Env, r.Dir, "")
	if err != nil {
		return result, fmt.Errorf("python: %w", err)
	}
	result.Python, result.Why = strings.Join(python.argv, " "), python.why
	if r.Dir != "" {
		if _, err := os.ReadDir(r.Dir); err != nil {
			return result, fmt.Errorf("python: %w", err)
		}
	}
	at, err := privateName()
	if err != nil {
		return result, fmt.Errorf("python: %w", err)
	}
	runner, script, answers := filepath.Join(at, "run.py"), filepath.Join(at, "script.py"), filepath.Join(at, "answers")
	var story pythonStory
	var badAnswers error
	flags := []string{"-B"}
	if r.Isolated {
		flags = append(flags, "-I")
	}
	ended, err := act.Run(ctx, Command{
		Args: slices.Concat(python.argv, flags, []string{runner, script, r.Name, answers}, r.Args),
		Dir:  r.Dir, Env: r.Env, Stdin: r.Stdin, Deadline: r.Timeout, Grace: r.Grace,
		MaxBytes: r.MaxBytes, Tail: true, Merged: true, Watch: r.Watch,
		Private: at,
		Prepare: func() error {
			return errors.Join(os.WriteFile(runner, pythonRunner, 0o600), os.WriteFile(script, r.Script, 0o600), os.WriteFile(answers, nil, 0o600))
		},
		Collect: func() { story, badAnswers = readAnswers(answers) },
		AtDeadline: func(last context.Context, tree []ID) {
			if story, err := readAnswers(answers); err == nil {
				askPython(last, h, tree, story.pid, r.Grace/2)
			}
		},
	})
	result.Output, result.Duration, result.Outlived = ended.Stdout, ended.Duration, ended.Outlived
	result.Version, result.Executable, result.Answers, result.Failure = story.version, story.executable, story.answers, story.failure
	switch {
	case err != nil:
	case ended.TimedOut || ended.Signal != "" || !story.done:
		err = &PythonEndedError{TimedOut: ended.TimedOut, After: r.Timeout, Signal: ended.Signal, ExitCode: ended.ExitCode, Output: lastLine(string(ended.Stdout))}
	case badAnswers != nil:
		err = badAnswers
	case story.failure != nil:
		err = story.failure
	}
	if err != nil {
		return result, fmt.Errorf("python: %w", err)
	}
	return result, nil
}

// pythonStory is what a script handed back.
type pythonStory struct {
	pid                 int
	version, executable string
	answers             []json.RawMessage
	failure             *PythonProblem
	done                bool
}

// readAnswers takes the whole lines of the file; the last may be half written.
func readAnswers(path string) (pythonStory, error) {
	var s pythonStory
	info, err := os.Stat(path)
	if err != nil {
		return s, err
	}
	if info.Size() > maxAnswers {
		return s, fmt.Errorf("more than %d MiB of answers", maxAnswers>>20)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return s, err
	}
	for line := range bytes.Lines(data) {
		var l struct {
			PID                 int
			Version, Executable string
			Answer              json.RawMessage
			Failure             *PythonProblem
			Done                bool
		}
		if !bytes.HasSuffix(line, []byte("\n")) {
			continue
		}
		if err := json.Unmarshal(line, &l); err != nil {
			return s, fmt.Errorf("answer %.100q: %w", line, err)
		}
		switch {
		case l.PID != 0:
			s.pid, s.version, s.executable = l.PID, l.Version, l.Executable
		case l.Failure != nil:
			s.failure = l.Failure
		case l.Done:
			s.done = true
		default:
			s.answers = append(s.answers, l.Answer)
		}
	}
	return s, nil
}

// askPython sends SIGINT: the script then tells where that found it, if it
// still can, before SIGTERM comes. Nobody is asked who would not hear.
func askPython(ctx context.Context, h Host, tree []ID, pid int, patience time.Duration) {
	i := slices.IndexFunc(tree, func(id ID) bool { return id.PID == pid })
	if i < 0 || patience <= 0 {
		return
	}
	if signals, err := ReadSignals(ctx, h, pid); err != nil || !Has(signals.Caught, 2) {
		return
	}
	if h.Act().Signal(ctx, tree[i], 2) == nil {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		_ = h.Act().Wait(ctx, tree[i]) // or not: then SIGTERM comes
	}
}

// interpreter is a Python, and why it was taken.
type interpreter struct {
	argv []string
	why  string
}

// choosePython finds the interpreter that the user would have typed: the one
// that is named, or that of the environment, or of the first of dirs that has
// one, or that of PATH. Links are not followed: a virtual environment is one
// that is called by its own name.
func choosePython(named string, env []string, dirs ...string) (interpreter, error) {
	if named != "" {
		return namedPython(named, env)
	}
	var tried []string
	if venv := envValue(env, "VIRTUAL_ENV"); venv != "" {
		path := filepath.Join(venv, "bin", "python")
		if isProgram(path) {
			return interpreter{[]string{path}, "of $VIRTUAL_ENV"}, nil
		}
		tried = append(tried, path+" of $VIRTUAL_ENV, which is not there")
	} else {
		tried = append(tried, "no $VIRTUAL_ENV")
	}
	for _, dir := range dirs {
		if path, err := filepath.Abs(filepath.Join(dir, ".venv", "bin", "python")); err == nil && isProgram(path) {
			return interpreter{[]string{path}, "of .venv; " + strings.Join(tried, ", ")}, nil
		}
	}
	tried = append(tried, "no .venv/bin/python")
	if path := lookPath("python3", env); path != "" {
		return interpreter{[]string{path}, "python3 of PATH; " + strings.Join(tried, ", ")}, nil
	}
	return interpreter{}, fmt.Errorf("%w: %s, no python3 in PATH", ErrNoPython, strings.Join(tried, ", "))
}

// namedPython takes a path as it stands, also one with spaces, else a command
// line whose first word is a program. A relative path is relative to us, not to
// where the program runs: that is how it was typed.
func namedPython(named string, env []string) (interpreter, error) {
	argv := []string{named}
	if !isProgram(named) && lookPath(named, env) == "" {
		argv = strings.Fields(named)
	}
	if len(argv) == 0 {
		return interpreter{}, fmt.Errorf("%w: %q", ErrNoPython, named)
	}
	for i, word := range argv {
		if strings.Contains(word, "/") && isProgram(word) {
			if abs, err := filepath.Abs(word); err == nil {
				argv[i] = abs
			}
		}
	}
	if !strings.Contains(argv[0], "/") {
		if path := lookPath(argv[0], env); path != "" {
			argv[0] = path
		}
	}
	if !isProgram(argv[0]) {
		return interpreter{}, fmt.Errorf("%w: %s %s", ErrNoPython, strconv.Quote(named), whyNoProgram(argv[0]))
	}
	return interpreter{argv, "as named"}, nil
}

// whyNoProgram says what is the matter with a path that is no program.
func whyNoProgram(path string) string {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir() && isProgram(filepath.Join(path, "bin", "python")):
		return "is a directory: name " + filepath.Join(path, "bin", "python")
	case err == nil && info.IsDir():
		return "is a directory"
	case err == nil:
		return "cannot be executed: it has no permission x"
	case strings.Contains(path, "/"):
		return "is not there"
	}
	return "is not there, nor in PATH"
}

// lookPath searches the PATH of the run, not ours.
func lookPath(name string, env []string) string {
	if name == "" || strings.Contains(name, "/") {
		return ""
	}
	for _, dir := range filepath.SplitList(envValue(env, "PATH")) {
		if path := filepath.Join(dir, name); filepath.IsAbs(dir) && isProgram(path) {
			return path
		}
	}
	return ""
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}
