package probe

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// LoggingAudit asks a fresh interpreter how it would log.
type LoggingAudit struct {
	Loggers []string // none = the modules' own
	Imports []string // modules by name, or files that end in .py
	Calls   []string // "module:function", or with literal arguments, after the imports
	Python  string   // see PythonRun
	Dir     string
	Timeout time.Duration
}

// LoggingChains is what the interpreter told.
type LoggingChains struct {
	Chains   []LoggingChain
	Handlers []LoggingHandler
	Disable  string // level up to which logging.disable() silences all; "" = none
	Raise    bool   // logging.raiseExceptions: what a handler fails with is printed
	// ReplacedStderr says that sys.stderr is no longer what the program was
	// started with.
	ReplacedStderr bool `json:"replaced_stderr"`
	// Failed is what an import or call failed with; nothing else is known then.
	Failed *LoggingFailure

	Python, Version string
}

// LoggingFailure is an import or a call that did not come to its end.
type LoggingFailure struct {
	PythonProblem
	During string // "import app"
}

// LoggingChain is one logger and those above it.
type LoggingChain struct {
	Name       string
	Known      bool     // somebody had asked for this logger before we did
	OwnCode    []string `json:"own_code"`    // methods that its class replaced
	LastResort bool     `json:"last_resort"` // no handler is in the chain
	// Adapter is the class of a LoggerAdapter of this logger; the levels are
	// those of records that are logged through it. "" = there is none.
	Adapter     string
	AdapterOnly []int `json:"adapter_only"` // handlers that fail on a record which is not
	Loggers     []LoggingLogger
	Levels      []LoggingLevel // each that has a name, ascending
}

// LoggingLogger is one logger of a chain.
type LoggingLogger struct {
	Name, Class string
	Level       int
	LevelName   string `json:"level_name"`
	Effective   string
	Propagate   bool
	Disabled    bool
	Filters     []string
	Handlers    []int // indices into LoggingChains.Handlers
	Reached     bool  // records of the chain's logger come here
}

// LoggingHandler is one handler.
//
// Place is where it writes: stderr, stdout, file; replaced (a sys.stderr that
// leads elsewhere), object (a stream without a file), closed; memory, queue;
// nowhere (NullHandler); other.
type LoggingHandler struct {
	Class, Name string
	Level       int
	LevelName   string `json:"level_name"`
	Filters     []string
	Formatter   string // class; "" = none
	Format      string
	Needs       []string // fields of the format that no plain record has
	Place       string
	Target      string
	Wrong       string // why nothing can be written there; "" = it can
	WasStderr   bool   `json:"was_stderr"` // its stream was sys.stderr when it was made or added
	IsStderr    bool   `json:"is_stderr"`  // … and is now
	Known       bool   // its emit() is that of a known library
	Made        []LoggingFrame
	Added       []LoggingAdded
}

// LoggingAdded is one call of addHandler.
type LoggingAdded struct {
	Logger  string
	Stack   []LoggingFrame // innermost first, without logging itself
	Through string         // the function of logging that was called: basicConfig, dictConfig, warning
	During  string         // "import app"
	Again   bool           // the logger had it already: nothing changed
}

// LoggingFrame is a line of a call stack.
type LoggingFrame struct {
	File     string
	Line     int
	Function string
}

// LoggingLevel is what becomes of the records of one level.
type LoggingLevel struct {
	Level int
	Name  string
	On    bool   // the logger lets them through
	Why   string // … or why not
	Hits  []LoggingHit
}

// LoggingHit is a record that reached a handler whose level lets it pass.
// Result: prints, error, filtered, raises (its filter), dropped, buffered, queued.
type LoggingHit struct {
	Handler int
	Logger  string // to which the handler belongs; "" = none, lastResort
	Via     string // the handler that passed it on; "" = none
	Result  string
	Text    string // of a sample record, one line
	Error   string // what it would fail with
	Bare    bool   // the text is the message and nothing else
	Later   string // when a buffer gives it away; "" = at once
}

//go:embed logging_chain.py
var loggingChain []byte

// LoggingChainOf imports the modules in a fresh interpreter, makes the calls,
// and tells through which handlers records of the loggers would go. Handlers
// are watched while they are made and added. Nothing is logged: filters and
// formatters are asked with a sample record.
//
// Errors are those of Python. That a module does not import is no error: see
// Failed; neither is one that does not come to its end, if it tells where.
func LoggingChainOf(ctx context.Context, h Host, a LoggingAudit) (LoggingChains, error) {
	var c LoggingChains
	for _, list := range []*[]string{&a.Loggers, &a.Imports, &a.Calls} {
		if *list == nil {
			*list = []string{}
		}
	}
	asked, err := json.Marshal(map[string][]string{"loggers": a.Loggers, "imports": a.Imports, "calls": a.Calls})
	if err != nil {
		return c, err
	}
	r, err := Python(ctx, h, PythonRun{
		Python: a.Python, Script: loggingChain, Name: "<runbook>/logging_chain.py", Args: []string{string(asked)},
		Dir: a.Dir, Timeout: a.Timeout, Grace: 2 * time.Second,
	})
	c.Python, c.Version = r.Python, r.Version
	for _, answer := range r.Answers {
		if bad := json.Unmarshal(answer, &c); bad != nil {
			return c, errors.Join(fmt.Errorf("logging chain: %w", bad), err)
		}
	}
	var ended *PythonEndedError
	switch {
	case errors.As(err, &ended) && c.Failed != nil:
		c.Failed.Type, c.Failed.Text = "Timeout", ended.Error()
		return c, nil
	case err != nil:
		return c, err
	case c.Failed == nil && c.Handlers == nil:
		return c, errors.New("logging chain: no answer")
	}
	return c, nil
}
