package probe

import (
	"context"
	"strings"
	"time"
)

// Command is a program to run, and how long it may take.
type Command struct {
	Args     []string // argv; Args[0] is looked up in PATH
	Dir      string   // "" = ours
	Env      []string // whole environment; nil = ours
	Stdin    []byte
	Deadline time.Duration // 0 = none
	Grace    time.Duration // from SIGTERM to SIGKILL at the deadline
	MaxBytes int           // of stdout and stderr each; 0 = 1 MiB. More is cut, and said
	Tail     bool          // what is cut is the beginning, not the end
	Merged   bool          // stderr goes where stdout goes, in the order of writing

	// Survives lets the program go on when we are killed: for one that ends in
	// milliseconds and would leave a lock behind. All others die with us.
	Survives bool

	// Private is a directory that is not there yet: it is made before the program
	// starts, Prepare fills it, and it is removed when nobody of the tree is left,
	// and Collect has read what is in it.
	// Where the program calls BeGuard, both hold also when we are killed: then all
	// of the tree is ended at once, and the directory goes. "" = none, and the
	// program alone ends with us.
	Private string
	Prepare func() error
	Collect func()

	// DefaultSignals starts the program with SIGINT and SIGQUIT as a terminal
	// would: a background job of a script has them ignored, and passes that on.
	DefaultSignals bool

	// Watch is called again and again while the program lives, by the goroutine
	// that called Run; tree is who lives, the program first. Once it returns true
	// the deadline is now.
	Watch func(ctx context.Context, tree []ID) (over bool)
	// AtDeadline is called once, at the deadline or at ctx's end, before the
	// first signal: the last look at who hangs. tree is who lives, the program
	// first. It must heed its context, which lasts 30 seconds and outlives Run's.
	AtDeadline func(ctx context.Context, tree []ID)
	// AtLeft is called once when the program has exited and left processes
	// behind that did not go by themselves, before they are ended.
	AtLeft func(ctx context.Context, left []Process)
}

// Result is what became of a Command.
type Result struct {
	ExitCode int    // -1 when a signal ended it
	Signal   string // "SIGKILL"; "" when it exited
	TimedOut bool
	Stdout   []byte
	Stderr   []byte
	Cut      bool // more was printed than was kept
	Parent   int  // pid of who started it: ours, or its guard's
	Duration time.Duration
	// Outlived are the processes that it left behind when it exited, and that
	// did not go by themselves: they were ended.
	Outlived []Process
}

// SurvivorsError names processes that even SIGKILL did not end.
type SurvivorsError struct{ Left []string }

func (e *SurvivorsError) Error() string {
	return "still there after SIGKILL: " + strings.Join(e.Left, ", ")
}
