package probe

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// began is a pytest that came as far as its first test.
const began = `
{"e":"boot","w":"","pid":7,"ppid":1,"python":"/py","version":"3.11.7","pytest":"9.2.0"}
{"e":"collect","w":""}
{"e":"collected","w":"","n":1}
`

const (
	startsA = `{"e":"start","id":"t.py::a","w":""}` + "\n" + `{"e":"call","w":""}` + "\n"
	passedA = startsA + `{"e":"teardown","w":""}` + "\n" + `{"e":"end","id":"t.py::a","o":"passed","d":0.5,"w":""}` + "\n"
	failedA = startsA + `{"e":"teardown","w":""}` + "\n" + `{"e":"end","id":"t.py::a","o":"failed","p":"call","d":0.5,"m":"t.py:3: no","w":""}` + "\n"
)

// inForkA is a test that failed in a fork, after which pytest goes on with it.
const inForkA = `{"e":"forked","id":"t.py::a","o":"failed","p":"call","m":"t.py:3: no","w":""}` + "\n"

// workers are pytest itself and two workers of xdist, which collected.
const workers = began + `
{"e":"boot","w":"gw0"}
{"e":"boot","w":"gw1"}
{"e":"collect","w":"gw0"}
{"e":"collect","w":"gw1"}
{"e":"collected","w":"gw0"}
{"e":"collected","w":"gw1"}
`

func finish(code int) string {
	return strings.ReplaceAll(`{"e":"finish","w":"","n":1,"code":N}`+"\n"+`{"e":"unconfigure","w":""}`+"\n", "N", string(rune('0'+code)))
}

func TestOutcomesAreToldApart(t *testing.T) {
	exit := func(code int) ending { return ending{code: code, direct: true} }
	late := ending{code: -1, signal: "SIGKILL", timedOut: true, deadline: 3 * time.Second, direct: true}
	died := func(signal string) ending { return ending{code: -1, signal: signal, direct: true} }
	around := func(code int, took, limit time.Duration) ending {
		e := ending{code: code, took: took}
		if limit > 0 {
			e.timeout = &timeoutProgram{after: limit}
		}
		return e
	}
	for _, c := range []struct {
		name   string
		events string
		end    ending
		want   verdict
	}{
		{"passed", began + passedA + finish(0), exit(0), verdict{"passed", "", ""}},
		{"failed", began + failedA + finish(1), exit(1), verdict{"failed", "", ""}},
		{"failed without a failure", began + passedA + finish(0), exit(1), verdict{"failed", "", "exit code 1, though no test failed"}},
		{"no tests", began + finish(5), exit(5), verdict{"no-tests", "", ""}},
		{"only collected", began + strings.Replace(finish(0), `"n":1,`, "", 1), exit(0), verdict{"no-tests", "", "exit code 0, but no test was run"}},
		{"not collected", began + `{"e":"error","id":"t.py","m":"no module x","w":""}` + "\n" + finish(2),
			ending{code: 2, direct: true, output: "!!! Interrupted: 1 error during collection !!!!\n"}, verdict{"error", "", "Interrupted: 1 error during collection"}},
		{"a worker could not collect", workers + `{"e":"error","id":"t.py","m":"no module x","w":"gw0"}` + "\n" + `{"e":"error","id":"t.py","m":"no module x","w":"gw1"}` + "\n" + finish(1), exit(1),
			verdict{"error", "", "not collected: t.py: no module x"}},
		{"pytest.exit", began + `{"e":"interrupt","m":"_pytest.outcomes.Exit: enough","w":""}` + "\n" + finish(2), exit(2),
			verdict{"error", "", "interrupted: _pytest.outcomes.Exit: enough"}},
		{"SIGINT from outside", began + `{"e":"interrupt","m":"KeyboardInterrupt","w":""}` + "\n" + finish(2), exit(2),
			verdict{"killed", "", "interrupted: KeyboardInterrupt"}},
		{"error of pytest", began + `{"e":"internal","m":"KeyError: 'x'","w":""}` + "\n" + finish(3), exit(3), verdict{"error", "", "error within pytest: KeyError: 'x'"}},
		{"no such file", began, ending{code: 4, direct: true, output: "ERROR: file or directory not found: x.py\n\n"},
			verdict{"usage", "", "ERROR: file or directory not found: x.py"}},
		{"conftest.py raises", began, ending{code: 4, direct: true, output: "ImportError while loading conftest '/p/conftest.py'.\nconftest.py:1: in <module>\n    raise RuntimeError('no')\nE   RuntimeError: no\n"},
			verdict{"error", "", "ImportError while loading conftest '/p/conftest.py'. RuntimeError: no"}},
		{"no such option", "", ending{code: 4, direct: true, output: "ERROR: usage: pytest\npytest: error: unrecognized arguments: --nope\n  rootdir: /x\n"},
			verdict{"usage", "", "error: unrecognized arguments: --nope"}},
		// 2026-11-28: each of these was called a pass.
		{"failed, and a plugin bent the code", began + failedA + finish(0), exit(0),
			verdict{"failed", "", "exit code 0, though 1 of its tests did not pass: conftest.py or a plugin changed it"}},
		{"failed, and the code was bent after the session", began + failedA + finish(1), exit(0),
			verdict{"failed", "", "exit code 0, though 1 of its tests did not pass: conftest.py or a plugin changed it"}},
		// 2026-11-29: this, too. The child of os.fork that leaves its test is a second pytest.
		{"failed in a fork of pytest", began + startsA + inForkA + `{"e":"end","id":"t.py::a","o":"passed","d":0.5,"w":""}` + "\n" + finish(0), exit(0),
			verdict{"failed", "", "exit code 0, for it was in a fork of pytest that this failed"}},
		{"failed here, and in a fork of pytest", began + startsA + inForkA + `{"e":"end","id":"t.py::a","o":"failed","p":"call","d":0.5,"w":""}` + "\n" + finish(1), exit(1),
			verdict{"failed", "", ""}},
		{"failed, and passed when it was run again", began + failedA + passedA + finish(0), exit(0), verdict{"passed", "", ""}},
		{"failed each time it was run", began + failedA + failedA + finish(1), exit(1), verdict{"failed", "", ""}},
		{"pytest.exit with code 0", strings.Replace(began, `"n":1`, `"n":3`, 1) + passedA + `{"e":"interrupt","m":"_pytest.outcomes.Exit: done","w":""}` + "\n" + finish(0), exit(0),
			verdict{"incomplete", "", "2 of 3 tests were not run: _pytest.outcomes.Exit: done"}},
		{"some were never run", strings.Replace(began, `"n":1`, `"n":3`, 1) + passedA + finish(0), exit(0), verdict{"incomplete", "", "2 of 3 tests were not run"}},
		{"--help", `{"e":"boot","w":"","pid":7,"ppid":1}` + "\n" + `{"e":"unconfigure","w":""}` + "\n", exit(0), verdict{"no-tests", "", "exit code 0, but no test was run"}},
		{"a code of its own", began + passedA + finish(0), exit(77), verdict{"error", "", "exit code 77"}},
		{"nothing was heard", "", ending{code: 0, direct: true, output: "hello\nthere\n"}, verdict{"error", "", "exit code 0, and pytest was not heard of: there"}},
		{"failed before the session", `{"e":"boot","w":"","pid":7,"ppid":1}` + "\n", ending{code: 1, direct: true, output: "Traceback\nImportError: x\n"},
			verdict{"error", "", "ImportError: x"}},

		{"crash in a test", began + startsA, died("SIGSEGV"), verdict{"crash", "call", "ended by SIGSEGV"}},
		{"crash told by a shell", began + startsA, around(139, time.Second, 0), verdict{"crash", "call", "ended by SIGSEGV"}},
		{"crash at the end", began + passedA + finish(0), died("SIGABRT"), verdict{"crash", "exit", "ended by SIGABRT"}},
		{"os._exit(0) in a test", began + startsA, exit(0), verdict{"crash", "call", "it exited with code 0 in the midst of its work, as os._exit does"}},
		{"os._exit(124) in a test", began + startsA, exit(124), verdict{"crash", "call", "it exited with code 124 in the midst of its work, as os._exit does"}},
		{"os._exit(4) in a test", began + startsA, exit(4), verdict{"crash", "call", "it exited with code 4 in the midst of its work, as os._exit does"}},
		{"os._exit(137) in a test", began + startsA, exit(137), verdict{"crash", "call", "it exited with code 137 in the midst of its work, as os._exit does"}},
		{"a limit of CPU time", began + startsA, died("SIGXCPU"), verdict{"crash", "call", "ended by SIGXCPU"}},
		{"os._exit(1) between tests", began + passedA, exit(1), verdict{"error", "", ""}},
		{"a worker crashed", workers + `{"e":"start","id":"t.py::a","w":"gw0"}` + "\n" + `{"e":"crash","id":"t.py::a","of":"gw0","w":""}` + "\n" + finish(1), exit(1),
			verdict{"crash", "exit", "a worker died in t.py::a"}},

		{"killed", began + startsA, died("SIGTERM"), verdict{"killed", "call", "ended by SIGTERM, which we did not send"}},
		{"killed for memory", began + startsA, ending{code: -1, signal: "SIGKILL", oomKills: 1, direct: true},
			verdict{"killed", "call", "ended by SIGKILL, while the kernel's out-of-memory killer was at work"}},
		{"interrupted by our user", began + startsA, ending{code: -1, signal: "SIGTERM", stopped: true}, verdict{"killed", "call", "the run was interrupted"}},

		{"hang", began + startsA, late, verdict{"hang", "call", "the deadline of 3s was over: in t.py::a, phase call"}},
		{"hang in teardown", began + startsA + `{"e":"teardown","w":""}` + "\n", late, verdict{"hang", "teardown", "the deadline of 3s was over: in t.py::a, phase teardown"}},
		{"hang between tests", began + passedA, late, verdict{"hang", "run", "the deadline of 3s was over: between tests"}},
		{"hang before anything", "", late, verdict{"startup-hang", "", "the deadline of 3s was over: pytest had not begun"}},
		{"hang at import", strings.SplitAfter(began, `"collect","w":""}`+"\n")[0], late, verdict{"startup-hang", "collect", "the deadline of 3s was over: in phase collect"}},
		{"hang in atexit", began + passedA + finish(0), late, verdict{"shutdown-hang", "exit", "the deadline of 3s was over: the tests were over (passed), the program did not end"}},
		{"failed, and hung", began + failedA + finish(1), late, verdict{"shutdown-hang", "exit", "the deadline of 3s was over: the tests were over (failed), the program did not end"}},
		{"ended well as the deadline came", began + passedA + finish(0), ending{code: 0, timedOut: true, deadline: 3 * time.Second, direct: true},
			verdict{"shutdown-hang", "exit", "the deadline of 3s was over: the tests were over (passed), the program did not end"}},
		{"hang in a worker", workers + `{"e":"start","id":"t.py::a","w":"gw1"}` + "\n" + `{"e":"call","w":"gw1"}` + "\n", late,
			verdict{"hang", "call", "the deadline of 3s was over: in t.py::a, phase call"}},
		{"a worker hangs at import", strings.Replace(workers, `{"e":"collected","w":"gw1"}`, "", 1), late,
			verdict{"startup-hang", "collect", "the deadline of 3s was over: in phase collect"}},
		{"the workers do not end", workers + `{"e":"finish","w":"gw0"}` + "\n" + `{"e":"finish","w":"gw1"}` + "\n", late,
			verdict{"shutdown-hang", "finish", "the deadline of 3s was over: the tests were over, a worker did not end"}},
		{"pytest-timeout's thread", began + startsA, ending{code: 1, direct: true, output: "+++++ Timeout +++++\n"},
			verdict{"hang", "call", "pytest-timeout ended it: in t.py::a, phase call"}},

		{"timeout(1): 124", began + startsA, around(124, 60*time.Second, time.Minute), verdict{"hang", "call", "timeout(1) around pytest ended it: in t.py::a, phase call"}},
		{"os._exit(124)", began + startsA, exit(124), verdict{"crash", "call", "it exited with code 124 in the midst of its work, as os._exit does"}},
		{"timeout(1) that nobody saw", began + startsA, around(124, 60*time.Second, 0), verdict{"hang", "call", "timeout(1) around pytest ended it: in t.py::a, phase call"}},
		{"timeout -k: 137", began + startsA, around(137, 70*time.Second, time.Minute), verdict{"hang", "call", "timeout(1) around pytest ended it with SIGKILL: in t.py::a, phase call"}},
		{"timeout --preserve-status: 143", began + startsA, around(143, 61*time.Second, time.Minute), verdict{"hang", "call", "timeout(1) around pytest ended it with SIGTERM: in t.py::a, phase call"}},
		{"137 long before timeout's time", began + startsA, around(137, 5*time.Second, time.Minute), verdict{"killed", "call", "ended by SIGKILL, which we did not send"}},
		{"143 without timeout", began + startsA, around(143, 5*time.Second, 0), verdict{"killed", "call", "ended by SIGTERM, which we did not send"}},
		{"124 after all tests", began + passedA + finish(0), around(124, time.Minute, time.Minute),
			verdict{"shutdown-hang", "exit", "timeout(1) around pytest ended it: the tests were over (passed), the program did not end"}},
		{"a program around it forgot", began + failedA + finish(1), around(0, time.Second, 0),
			verdict{"failed", "", "pytest exited with code 1, the program around it with 0"}},
	} {
		var s pytestStory
		s.feed([]byte(c.events), time.Unix(100, 0))
		if diff := cmp.Diff(c.want, s.judge(c.end), cmp.AllowUnexported(verdict{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// A plugin that runs a failed test again makes one test of it, which keeps the
// words of the failure.
func TestATestThatIsRunAgainIsOne(t *testing.T) {
	var s pytestStory
	s.feed([]byte(began+failedA+passedA), time.Unix(1, 0))
	want := []PytestTest{{ID: "t.py::a", Outcome: "passed", Duration: 500 * time.Millisecond, Message: "t.py:3: no", Reruns: 1}}
	if diff := cmp.Diff(want, s.tests); diff != "" || s.done() != 1 {
		t.Errorf("%d done (-want +got):\n%s", s.done(), diff)
	}
}

// What failed in a fork alone is a test that failed, with its words; what the
// fork says of a test that failed anyway is not said twice.
func TestWhatFailsInAForkIsAFailure(t *testing.T) {
	var s pytestStory
	s.feed([]byte(began+failedA+inForkA+strings.ReplaceAll(passedA+inForkA, "::a", "::b")+strings.ReplaceAll(inForkA, "::a", "::c")), time.Unix(1, 0))
	if n := s.takeForked(); n != 2 {
		t.Errorf("%d failed in a fork alone, want 2", n)
	}
	failed := PytestTest{Outcome: "failed", Phase: "call", Message: "t.py:3: no"}
	want := []PytestTest{failed, failed, failed}
	want[0].ID, want[0].Duration, want[1].ID, want[2].ID = "t.py::a", 500*time.Millisecond, "t.py::b", "t.py::c"
	if diff := cmp.Diff(want, s.tests); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// pytest-forked says of a test whose fork died how that was, and then that it ended.
func TestATestWhoseForkDiedIsAnError(t *testing.T) {
	var s pytestStory
	s.feed([]byte(began+startsA+`{"e":"crash","id":"t.py::a","m":"CRASHED with signal 11","of":"","w":""}`+"\n"+`{"e":"end","id":"t.py::a","o":"","p":"","d":0,"m":"","x":"","r":0,"w":""}`+"\n"), time.Unix(1, 0))
	want := []PytestTest{{ID: "t.py::a", Outcome: "error", Phase: "crash", Message: "CRASHED with signal 11"}}
	if diff := cmp.Diff(want, s.tests); diff != "" || s.done() != 1 {
		t.Errorf("%d done (-want +got):\n%s", s.done(), diff)
	}
}

// In a worker that is said by the worker, and by pytest itself, as if the worker
// had died.
func TestAWorkerOutlivesAForkOfIt(t *testing.T) {
	var s pytestStory
	s.feed([]byte(workers+`{"e":"start","id":"t.py::a","w":"gw0"}
{"e":"crash","id":"t.py::a","m":"CRASHED","of":"","w":"gw0"}
{"e":"end","id":"t.py::a","o":"","w":"gw0"}
{"e":"start","id":"t.py::b","w":"gw0"}
{"e":"crash","id":"t.py::a","m":"CRASHED","of":"gw0","w":""}
`), time.Unix(1, 0))
	want := []PytestTest{{ID: "t.py::a", Outcome: "error", Phase: "crash", Message: "CRASHED", Worker: "gw0"}}
	if diff := cmp.Diff(want, s.tests); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if _, running := s.now(); len(running) != 1 || running[0].test != "t.py::b" || len(s.crashed) != 1 {
		t.Errorf("running %+v, crashed %q", running, s.crashed)
	}
}

// What SIGINT, or pytest.exit, ended is told with the test in which that was;
// with workers pytest itself says the same once more, and knows no test.
func TestAnInterruptionNamesItsTest(t *testing.T) {
	var s pytestStory
	s.feed([]byte(began+passedA+startsA+`{"e":"interrupt","id":"t.py::a","m":"KeyboardInterrupt","w":""}`+"\n"+
		`{"e":"interrupt","id":"","m":"xdist.dsession.Interrupted: gw0 received keyboard-interrupt","w":""}`+"\n"+finish(2)), time.Unix(1, 0))
	if got := s.interrupt; got.ID != "t.py::a" || got.Phase != "call" || !s.interruptedBySignal() {
		t.Errorf("interrupted as %+v", got)
	}
}

// 2026-11-28: a configuration in a directory below, or above, gave ids that
// nobody could type.
func TestIDsAreAsTheyAreTyped(t *testing.T) {
	for _, c := range []struct{ root, cwd, id, want string }{
		{"", "", "t.py::a", "t.py::a"}, // nothing was heard of it
		{"/p", "/p", "t.py::a", "t.py::a"},
		{"/p/pkg one", "/p", "t.py::T::a[x/../y::z]", "pkg one/t.py::T::a[x/../y::z]"},
		{"/p", "/p/tests", "tests/t.py::a", "t.py::a"},
		{"/p/x", "/p/y", "t.py", "../x/t.py"},
		{"/p/x", "/p", "../t.py::a", "t.py::a"},
		{"/p/x", "/p", "/p/y/t.py::a", "y/t.py::a"},
		{"/p/x", "/p", "", ""},
	} {
		s := pytestStory{root: c.root, cwd: c.cwd}
		if got := s.typed(c.id); got != c.want {
			t.Errorf("%q of %q, typed in %q: %q, want %q", c.id, c.root, c.cwd, got, c.want)
		}
	}
}

func TestTheStoryKnowsWhatRuns(t *testing.T) {
	var s pytestStory
	at := func(sec int64) time.Time { return time.Unix(sec, 0) }
	s.feed([]byte(workers+`{"e":"start","id":"t.py::a","w":"gw1"}`+"\n"), at(1))
	s.feed([]byte(`{"e":"start","id":"t.py::b","w":"gw0"}`+"\n"+`{"e":"call","w":"gw0"}`+"\n"), at(2))
	phase, running := s.now()
	if phase != "setup" || len(running) != 2 || running[0].test != "t.py::a" || running[1].test != "t.py::b" {
		t.Errorf("phase %s, running %+v", phase, running)
	}
	s.feed([]byte(`{"e":"end","id":"t.py::a","o":"passed","d":1.5,"w":"gw1"}`+"\n"), at(3))
	phase, running = s.now()
	if phase != "call" || len(running) != 1 || running[0].test != "t.py::b" {
		t.Errorf("then phase %s, running %+v", phase, running)
	}
	if test, took := s.slowest(); test != "t.py::a" || took != 1500*time.Millisecond || s.done() != 1 {
		t.Errorf("slowest %s %s, done %d", test, took, s.done())
	}
	s.feed([]byte(`{"e":"crash","id":"t.py::b","of":"gw0","w":""}`+"\n"), at(4))
	if _, running = s.now(); len(running) != 0 {
		t.Errorf("a dead worker runs %+v", running)
	}
}

func TestParseTimeout(t *testing.T) {
	for line, want := range map[string]time.Duration{
		"timeout 60 pytest":                      time.Minute,
		"/usr/bin/timeout -k 5 1.5m python3 -m":  90 * time.Second,
		"timeout -s INT --kill-after=9 2h x":     2 * time.Hour,
		"timeout --signal KILL --foreground 1 x": time.Second,
		"timeout 0.5 x":                          500 * time.Millisecond,
		"timeout 0 x":                            0, // never
		"timeout x 60":                           0,
		"timeout":                                0,
		"mytimeout 60 x":                         0,
		"timeout 1e300 x":                        365 * 24 * time.Hour,
		"timeout -1 60 x":                        time.Minute,
		"timeout nan x":                          0,
		"":                                       0,
	} {
		got := parseTimeout(strings.Fields(line))
		if want == 0 && got != nil || want != 0 && (got == nil || got.after != want) {
			t.Errorf("%s: %+v, want %s", line, got, want)
		}
	}
}

// FuzzPytestEvents: whatever a plugin, a full disk or a test wrote, nothing
// panics, and it makes no difference in which pieces it is read.
func FuzzPytestEvents(f *testing.F) {
	f.Add([]byte(began+passedA+finish(0)), 10)
	f.Add([]byte(workers+`{"e":"crash","id":"x","of":"gw9"}`+"\n{\"e\":"), 200)
	f.Add([]byte("\n\n{}\nnull\n[1]\n{\"e\":1}\n"), 3)
	f.Fuzz(func(t *testing.T, data []byte, cut int) {
		var whole, pieces pytestStory
		now := time.Unix(1, 0)
		whole.feed(data, now)
		cut = min(max(cut, 0), len(data))
		pieces.feed(data[:cut], now)
		pieces.feed(data[cut:], now)
		if bytes.IndexByte(data, '\n') >= 0 && len(data) > 0 {
			if diff := cmp.Diff(whole.tests, pieces.tests); diff != "" {
				t.Errorf("read at once, and in two pieces:\n%s", diff)
			}
		}
		for _, e := range []ending{{code: 0}, {code: -1, signal: "SIGSEGV"}, {timedOut: true}, {code: 137}} {
			v, w := whole.judge(e), pieces.judge(e)
			if v != w || v.outcome == "" {
				t.Errorf("judged %+v and %+v", v, w)
			}
			if v.outcome == "passed" && (!whole.finished || whole.ran == 0) {
				t.Errorf("passed, though nobody said so")
			}
		}
	})
}
