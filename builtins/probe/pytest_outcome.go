package probe

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ending is all that is known of how a pytest came to its end.
type ending struct {
	code     int    // -1 = a signal
	signal   string // "SIGSEGV"; "" = it exited
	timedOut bool   // our deadline
	stopped  bool   // our context: Ctrl-C
	oomKills int    // of the kernel, on this machine, meanwhile

	took     time.Duration
	deadline time.Duration   // ours
	timeout  *timeoutProgram // a timeout(1) around pytest; nil = none was seen
	direct   bool            // pytest is the program that we started, nothing around it
	output   string
	forked   int // tests that failed in a fork of pytest alone
}

// verdict is an ending's name.
type verdict struct {
	outcome string
	phase   string // where it was; "" when it came to its regular end
	reason  string
}

// judge names how a run ended, from the exit status and what the plugin told.
//
// Either alone lies: a program around pytest turns signals into numbers
// (128+n), and 124 and 137 of timeout(1) into each other; a test that calls
// os._exit(0) looks like a pass.
func (s *pytestStory) judge(e ending) verdict {
	phase, running := s.now()
	v := verdict{phase: phase}
	e.forked = s.takeForked()
	switch {
	case e.timedOut:
		v.outcome, v.reason = s.hang(fmt.Sprintf("the deadline of %s was over", e.deadline))
		return v
	case e.stopped:
		v.outcome, v.reason = "killed", "the run was interrupted"
		return v
	}
	// A code that pytest itself announced is no signal in disguise, nor is one
	// of a pytest that nothing stands around: a test may call os._exit(124).
	own := e.direct || s.finished && s.code == e.code
	signal := e.signal
	if signal == "" && !own {
		signal = shellSignals[e.code-128]
	}
	switch {
	case e.code == 124 && !own && !e.direct:
		v.outcome, v.reason = s.hang("timeout(1) around pytest ended it")
	case (signal == "SIGKILL" || signal == "SIGTERM") && e.timeout != nil && e.took >= e.timeout.after:
		v.outcome, v.reason = s.hang(fmt.Sprintf("timeout(1) around pytest ended it with %s", signal))
	case signal != "":
		v.outcome, v.reason = s.signalled(signal, e)
	case !s.finished && strings.Contains(e.output, "++ Timeout ++"):
		v.outcome, v.reason = s.hang("pytest-timeout ended it")
	case len(s.crashed) > 0:
		v.outcome, v.reason = "crash", fmt.Sprintf("a worker died in %s", strings.Join(s.crashed, ", "))
	case !s.finished && len(s.procs) > 0 && (len(running) > 0 || e.code == 0 && order[phase] > 0 && phase != "exit"):
		// os._exit within a test. Its code says nothing of the tests. --help comes
		// to "exit" without a session, regularly.
		v.outcome, v.reason = "crash", fmt.Sprintf("it exited with code %d in the midst of its work, as os._exit does", e.code)
	default:
		code := e.code
		if !e.direct && s.finished && code == 0 {
			code = s.code // a program around pytest forgot it
		}
		if why := wordOf(e.output, "ImportError while loading conftest"); code == 4 && why != "" {
			// pytest's code for a wrong command line, which this is not.
			return verdict{outcome: "error", reason: why + " " + strings.TrimSpace(strings.TrimPrefix(lastLine(e.output), "E "))}
		}
		return verdict{outcome: s.exited(code), reason: s.because(code, e)}
	}
	return v
}

// hang tells when in its life it hung.
func (s *pytestStory) hang(why string) (outcome, reason string) {
	phase, running := s.now()
	switch {
	case s.finished:
		return "shutdown-hang", fmt.Sprintf("%s: the tests were over (%s), the program did not end", why, s.exited(s.code))
	case len(s.procs) == 0:
		return "startup-hang", why + ": pytest had not begun"
	case order[phase] >= order["finish"]:
		return "shutdown-hang", why + ": the tests were over, a worker did not end"
	case order[phase] < order["run"]:
		return "startup-hang", fmt.Sprintf("%s: in phase %s", why, phase)
	case len(running) > 0:
		return "hang", fmt.Sprintf("%s: in %s, phase %s", why, running[0].test, phase)
	}
	return "hang", why + ": between tests"
}

// faults are the signals that a program brings upon itself.
// Two of them come from the kernel, when a limit of the program's own is reached.
var faults = map[string]bool{"SIGSEGV": true, "SIGABRT": true, "SIGBUS": true, "SIGFPE": true, "SIGILL": true, "SIGTRAP": true, "SIGSYS": true,
	"SIGXCPU": true, "SIGXFSZ": true}

func (s *pytestStory) signalled(signal string, e ending) (outcome, reason string) {
	switch {
	case faults[signal]:
		return "crash", "ended by " + signal
	case signal == "SIGKILL" && e.oomKills > 0:
		return "killed", "ended by SIGKILL, while the kernel's out-of-memory killer was at work"
	case signal == "SIGKILL" || signal == "SIGTERM":
		return "killed", "ended by " + signal + ", which we did not send"
	}
	return "killed", "ended by " + signal
}

// exited names pytest's own exit codes.
func (s *pytestStory) exited(code int) string {
	switch code {
	case 0:
		switch {
		case len(s.procs) == 0:
			return "error" // whatever that was, it was no pytest
		case s.bad() > 0:
			return s.exited(1) // conftest.py, or a plugin, bent the code
		case s.ran == 0 && s.interrupt.Message == "":
			return "no-tests" // --version, --collect-only, …
		case s.notRun() > 0 || s.interrupt.Message != "":
			return "incomplete"
		}
		return "passed"
	case 1:
		if !s.finished {
			return "error" // a plugin or conftest.py failed before there was a session
		}
		if s.notCollected() != "" {
			return "error" // pytest says 2 to this, with workers 1
		}
		return "failed"
	case 2:
		if s.interruptedBySignal() {
			return "killed"
		}
		return "error"
	case 4:
		return "usage"
	case 5:
		return "no-tests"
	}
	return "error"
}

// shellSignals are the signals that a shell or timeout(1) tells as 128+n, by n.
// Not all: a program may use the higher codes for words of its own.
var shellSignals = map[int]string{
	1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL",
	11: "SIGSEGV", 13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM", 24: "SIGXCPU", 25: "SIGXFSZ", 31: "SIGSYS",
}

// interruptedBySignal tells SIGINT from pytest.exit and from a failed
// collection.
func (s *pytestStory) interruptedBySignal() bool {
	return strings.HasPrefix(s.interrupt.Message, "KeyboardInterrupt")
}

// because is the reason in a line where the code alone does not say it.
func (s *pytestStory) because(code int, e ending) string {
	switch {
	case len(s.procs) == 0 && code != 4:
		return fmt.Sprintf("exit code %d, and pytest was not heard of: %s", code, lastLine(e.output))
	case code == 0 && e.forked > 0 && e.forked == s.bad():
		return "exit code 0, for it was in a fork of pytest that this failed"
	case code == 0 && s.bad() > 0:
		return fmt.Sprintf("exit code 0, though %d of its tests did not pass: conftest.py or a plugin changed it", s.bad())
	case code == 0 && s.interrupt.Message != "":
		return fmt.Sprintf("%d of %d tests were not run: %s", s.notRun(), s.collected, firstLine(s.interrupt.Message))
	case code == 0 && s.ran == 0:
		return "exit code 0, but no test was run"
	case code == 0 && s.notRun() > 0:
		return fmt.Sprintf("%d of %d tests were not run", s.notRun(), s.collected)
	case code == 1 && !s.finished:
		return lastLine(e.output)
	case code == 2 && s.interrupt.Message != "":
		return "interrupted: " + firstLine(s.interrupt.Message)
	case code == 2:
		return firstLine(wordOf(e.output, "Interrupted:"))
	case code == 3:
		return firstLine("error within pytest: " + s.internal)
	case code == 4:
		if why := wordOf(e.output, ": error: "); why != "" {
			return firstLine(strings.TrimPrefix(why, ": ")) // argparse, behind its usage
		}
		return firstLine(wordOf(e.output, "ERROR:"))
	case code == 1 && s.notCollected() != "":
		return firstLine("not collected: " + s.notCollected())
	case code == 1 && !s.failed():
		return "exit code 1, though no test failed"
	case code < 0 || code > 5:
		return "exit code " + strconv.Itoa(code)
	case code != e.code:
		return fmt.Sprintf("pytest exited with code %d, the program around it with %d", code, e.code)
	}
	return ""
}

// notCollected is why a file could not be collected, if nothing worse happened.
func (s *pytestStory) notCollected() string {
	why := ""
	for _, t := range s.tests {
		switch {
		case t.Phase == "collect" && why == "":
			why = t.ID + ": " + t.Message
		case t.Phase != "collect" && (t.Outcome == "failed" || t.Outcome == "error"):
			return ""
		}
	}
	return why
}

func (s *pytestStory) failed() bool {
	return s.bad() > 0 || s.ran > len(s.tests) // a worker elsewhere knows
}

// bad is how many tests, and files that could not be collected, did not pass.
func (s *pytestStory) bad() int {
	n := 0
	for _, t := range s.tests {
		if t.bad() {
			n++
		}
	}
	return n
}

// notRun is how many of the tests that were collected did not come to an end.
// Those of which only pytest's own count tells have ended.
func (s *pytestStory) notRun() int {
	return max(0, s.collected-max(s.ran, s.done()))
}

// wordOf is what stands on the line of output that has the given word, from
// the word on.
func wordOf(output, word string) string {
	if i := strings.LastIndex(output, word); i >= 0 {
		return strings.TrimSpace(strings.TrimRight(firstLine(output[i:]), " !="))
	}
	return ""
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return Clean([]byte(line))
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return Clean([]byte(lines[len(lines)-1]))
}

// timeoutProgram is a timeout(1) that stands around pytest.
type timeoutProgram struct {
	after time.Duration
}

// parseTimeout reads the command line of timeout(1): nil when it is none, or
// one that never ends anything.
func parseTimeout(args []string) *timeoutProgram {
	if len(args) == 0 || args[0] != "timeout" && !strings.HasSuffix(args[0], "/timeout") {
		return nil
	}
	for i := 1; i < len(args); i++ {
		switch a := args[i]; {
		case a == "-k" || a == "-s" || a == "--kill-after" || a == "--signal":
			i++
		case strings.HasPrefix(a, "-"):
		default:
			after, ok := timeoutSpan(a)
			if !ok || after == 0 {
				return nil
			}
			return &timeoutProgram{after: after}
		}
	}
	return nil
}

// timeoutSpan reads a duration of timeout(1): a number with s, m, h or d.
func timeoutSpan(text string) (time.Duration, bool) {
	unit := time.Second
	for suffix, u := range map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour} {
		if n, ok := strings.CutSuffix(text, suffix); ok {
			text, unit = n, u
			break
		}
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n >= 0) {
		return 0, false
	}
	const year = 365 * 24 * time.Hour
	return time.Duration(min(n*float64(unit), float64(year))), true
}
