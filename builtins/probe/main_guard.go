package probe

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// MainGuard is how a Python script is to be started, so that its children can
// import it: they run the file of __main__ anew, under another name.
type MainGuard struct {
	HasGuard bool     `json:"has_guard"` // if __name__ == "__main__":, at the top level
	Text     string   `json:"text"`      // the script, with a guard above what starts it
	Starts   []int    `json:"starts"`    // lines that start it with no guard; [] = it has one, or starts nothing
	Missing  []string `json:"missing"`   // modules that it imports, and this interpreter does not find
	Error    string   `json:"error"`     // it is no Python: why
	Line     int      `json:"line"`      // of that

	Argv       []string `json:"-"` // the interpreter's command line
	Why        string   `json:"-"` // it was taken
	Version    string   `json:"-"` // "3.11.7"
	Executable string   `json:"-"`
}

//go:embed main_guard.py
var mainGuardPy []byte

// ReadMainGuard reads a script in the interpreter that is to run it. Nothing of
// the script is run. dir is where it lies, "" = it is a text that lies nowhere.
//
// Errors: ErrNoPython, which names what was tried; ctx's; the interpreter does
// not run. A script with a syntax error is none.
func ReadMainGuard(ctx context.Context, h Host, python, source, name, dir string) (MainGuard, error) {
	var g MainGuard
	chosen, err := choosePython(python, os.Environ(), "")
	if err != nil {
		return g, fmt.Errorf("main guard: %w", err)
	}
	g.Argv, g.Why = chosen.argv, chosen.why
	at, done, err := borrowPrivate()
	if err != nil {
		return g, fmt.Errorf("main guard: %w", err)
	}
	defer done()
	path := filepath.Join(at, "script.py")
	if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
		return g, fmt.Errorf("main guard: %w", err)
	}
	args := []string{path, name}
	if dir != "" {
		args = append(args, dir)
	}
	r, err := Python(ctx, h, PythonRun{Python: python, Script: mainGuardPy, Name: "main_guard.py", Args: args, Timeout: 30 * time.Second, Grace: time.Second})
	if err == nil && len(r.Answers) == 0 {
		err = errors.New("no answer")
	}
	if err == nil {
		err = json.Unmarshal(r.Answers[0], &g)
	}
	g.Version, g.Executable = r.Version, r.Executable
	if err != nil {
		return g, fmt.Errorf("main guard: %w", err)
	}
	return g, nil
}
