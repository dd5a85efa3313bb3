package probe

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// aTree is a tree of actors started from a shell, a second one beside it, and
// what else runs on a machine.
func aTree() *tiny {
	h := newTiny()
	h.add("1 0 S init")
	h.add("2 0 S")
	h.add("800 1 S bash")
	h.add("900 800 R runbook run wedged-actor --match tractor")

	h.add("100 800 S python3 app.py", 100)
	h.add("110 100 S python3 -m tractor._child --uid ('alpha',~'u1') --parent_addr ('127.0.0.1',~1616)", 100)
	h.add("120 100 S _subactor[beta@120]", 100)
	h.add("121 120 S sleep 60", 100)
	h.add("130 100 S python3 -c from~multiprocessing.resource_tracker~import~main;main(4)", 100)
	h.add("131 100 Z", 100)
	h.files["131/stat"] = strings.Replace(h.files["131/stat"], "(zombie)", "(_subactor[gamma)", 1)

	h.add("200 800 S python3 other.py", 200)
	h.add("210 200 S _subactor[delta@210]", 200)

	h.add("300 1 S _subactor[orphan@300]", 299) // its root is gone
	h.add("400 1 S sshd --token hunter2")
	return h
}

// The shell and the second tree are no relatives by blood of the first; the
// shell is its ancestor.
func TestPSFindsTheTreeOfAnyOfItsProcesses(t *testing.T) {
	tractor := regexp.MustCompile(`tractor\._child|_subactor\[`)
	for _, c := range []struct {
		name  string
		query PSQuery
		want  string // pids by start; * = matched
	}{
		{"by pattern", PSQuery{Match: tractor}, "110* 120* 131* 210* 300*"},
		{"those that say they are actors", PSQuery{}, "110* 120* 131* 210* 300*"},
		{"by pattern, with relatives", PSQuery{Match: tractor, Relatives: true}, "100 110* 120* 121 130 131* 200 210* 300* 800"},
		{"by pid of the root", PSQuery{PIDs: []int{100}, Relatives: true}, "100* 110 120 121 130 131 800"},
		{"by pid of a leaf", PSQuery{PIDs: []int{110}, Relatives: true}, "100 110* 120 121 130 131 800"},
		{"by pid of what an actor runs", PSQuery{PIDs: []int{121}, Relatives: true}, "100 110 120 121* 130 131 800"},
		{"by pid of an orphan", PSQuery{PIDs: []int{300}, Relatives: true}, "300*"},
		{"by pid alone", PSQuery{PIDs: []int{121}}, "121*"},
		{"pid and pattern", PSQuery{PIDs: []int{400}, Match: regexp.MustCompile("delta")}, "210* 400*"},
		{"a secret is no part of the command line", PSQuery{Match: regexp.MustCompile("hunter2")}, ""},
		{"our ancestor, by pid", PSQuery{PIDs: []int{800}}, "800*"},
		{"our ancestor, by pattern", PSQuery{Match: regexp.MustCompile("bash|runbook")}, ""},
		{"all", PSQuery{All: true}, "1 2 100 110 120 121 130 131 200 210 300 400 800"},
		{"all, and which match", PSQuery{All: true, Match: regexp.MustCompile("beta")}, "1 2 100 110 120* 121 130 131 200 210 300 400 800"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := PS(t.Context(), aTree(), c.query)
			if err != nil {
				t.Fatal(err)
			}
			var list []string
			for _, p := range got {
				list = append(list, pidText(p.PID)+map[bool]string{true: "*"}[p.Matched])
			}
			if s := strings.Join(list, " "); s != c.want {
				t.Errorf("\n got %s\nwant %s", s, c.want)
			}
		})
	}
}

// find_trees of lib/actors.star climbs like this too, and asks no second time.
func TestAnActorInAGroupOfItsOwnHasBrothers(t *testing.T) {
	h := aTree()
	h.files["110/stat"] = strings.Replace(h.files["110/stat"], " 100 100 100 ", " 100 110 100 ", 1)
	got, err := PS(t.Context(), h, PSQuery{PIDs: []int{110}, Relatives: true})
	if err != nil || len(got) != 7 || got[0].PID != 100 || got[0].PGID == got[1].PGID {
		t.Errorf("%v, %v; want the shell, and all of the tree of 100", got, err)
	}
}

func TestPSNamesThePidThatIsNotThere(t *testing.T) {
	got, err := PS(t.Context(), aTree(), PSQuery{PIDs: []int{100, 4711}})
	if !Gone(err) || !strings.Contains(err.Error(), "no process 4711") {
		t.Errorf("error %v; want fs.ErrNotExist that names 4711", err)
	}
	if len(got) != 1 || got[0].PID != 100 {
		t.Errorf("%v; want 100 beside the error", got)
	}
}

// What hangs below these is the machine.
func TestPSTakesNeitherInitNorTheKernelForATree(t *testing.T) {
	h := aTree()
	h.files["2/stat"] = strings.Replace(h.files["2/stat"], " 4194304 ", " 2129984 ", 1) // PF_KTHREAD
	for pid, want := range map[int]string{
		1: "ps: process 1 is init, above all others: choose a process of one tree",
		2: "ps: process 2 is a thread of the kernel: choose a process of one tree",
	} {
		got, err := PS(t.Context(), h, PSQuery{PIDs: []int{pid}, Relatives: true})
		if err == nil || err.Error() != want || len(got) != 0 {
			t.Errorf("pid %d: %v, %v; want %s", pid, got, err, want)
		}
		// To look at it alone is another thing.
		if got, err := PS(t.Context(), h, PSQuery{PIDs: []int{pid}}); err != nil || len(got) != 1 {
			t.Errorf("pid %d alone: %v, %v", pid, got, err)
		}
	}
	// In a container init may be the program.
	h = newTiny()
	h.add("1 0 S python3 app.py", 1)
	h.add("7 1 S _subactor[beta@7]", 1)
	if got, err := PS(t.Context(), h, PSQuery{PIDs: []int{1}, Relatives: true}); err != nil || len(got) != 2 {
		t.Errorf("a program that is init: %v, %v", got, err)
	}
}

// With 60,000 processes this is the difference between 2 ms and a second.
func TestPSByPidReadsOnlyTheTree(t *testing.T) {
	h := aTree()
	if _, err := PS(t.Context(), h, PSQuery{PIDs: []int{110}, Relatives: true}); err != nil {
		t.Fatal(err)
	}
	for _, path := range h.reads {
		for _, other := range []string{"200/", "210/", "300/", "400/"} {
			if strings.HasPrefix(path, other) {
				t.Errorf("read %s", path)
			}
		}
	}
}

func TestAScanReadsOneFileOfWhatItDoesNotWant(t *testing.T) {
	h := aTree()
	if _, err := PS(t.Context(), h, PSQuery{Match: regexp.MustCompile("delta")}); err != nil {
		t.Fatal(err)
	}
	var of400 []string
	for _, path := range h.reads {
		if strings.HasPrefix(path, "400/") {
			of400 = append(of400, path)
		}
	}
	if !slices.Equal(of400, []string{"400/cmdline"}) {
		t.Errorf("read %v", of400)
	}
}

func TestRelativesWithoutChildrenFiles(t *testing.T) {
	h := aTree()
	for path := range h.files {
		if strings.HasSuffix(path, "/children") {
			delete(h.files, path) // a kernel without CONFIG_PROC_CHILDREN
		}
	}
	got, err := Children(t.Context(), h, 100)
	slices.Sort(got)
	if err != nil || !slices.Equal(got, []int{110, 120, 130, 131}) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestAProgramThatIsInitIsTheRoot(t *testing.T) {
	h := newTiny()
	h.add("1 0 S python3 app.py", 1)
	h.add("7 1 S _subactor[alpha@7]", 1)
	h.add("8 1 S _subactor[beta@8]", 1)
	got, err := PS(t.Context(), h, PSQuery{PIDs: []int{7}, Relatives: true})
	if err != nil || len(got) != 3 || got[0].PID != 1 {
		t.Errorf("%v, %v; want 1, 7 and 8", got, err)
	}
}

// Every line of ancestors ends at init, and one reading of it serves them all.
func TestInitIsReadOnceHoweverManyActorsThereAre(t *testing.T) {
	h := newTiny()
	h.add("1 0 S /sbin/init", 1)
	for pid := 10; pid < 20; pid++ {
		h.add(fmt.Sprintf("%d 1 S _subactor[a%d@%d]", pid, pid, pid))
	}
	if got, err := PS(t.Context(), h, PSQuery{Relatives: true}); err != nil || len(got) != 10 {
		t.Fatalf("%v, %v; want the ten actors", got, err)
	}
	n := 0
	for _, read := range h.reads {
		if read == "1/status" {
			n++
		}
	}
	if n != 1 {
		t.Errorf("init was read %d times", n)
	}
}

// What only exec or a new title changes is not read again within milliseconds,
// and is afterwards, or when the process looks like another one.
func TestALookGoesByAFreshReading(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(h *tiny, was *Process)
		again  bool
	}{
		{"fresh", func(*tiny, *Process) {}, false},
		{"a second ago", func(_ *tiny, was *Process) { was.At = was.At.Add(-time.Second) }, true},
		{"its program was hidden", func(_ *tiny, was *Process) { was.Exe = "" }, true},
		{"it has another name by now", func(_ *tiny, was *Process) { was.Comm = "sh" }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := aTree()
			was, err := ReadProcess(t.Context(), h, 110)
			if err != nil {
				t.Fatal(err)
			}
			want := was
			test.change(h, &was)
			h.reads = nil
			got, err := Look(t.Context(), h, []Process{was})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got[0].Process); diff != "" {
				t.Error(diff)
			}
			if again := slices.Contains(h.reads, "110/cmdline"); again != test.again {
				t.Errorf("its command line was read again: %v", again)
			}
		})
	}
}

func TestReadProcess(t *testing.T) {
	h := aTree()
	h.links["110/exe"], h.links["110/ns/net"] = "denied", "net:[4026531840]"
	var seen Ledger
	got, err := ReadProcess(WithLedger(t.Context(), &seen), h, 110)
	if err != nil {
		t.Fatal(err)
	}
	want := Process{
		ID: ID{PID: 110, Start: 110}, At: tinyNow, PPID: 100, PGID: 100, SID: 100, UID: 1000, State: "S", Comm: "python3",
		Args:    []string{"python3", "-m", "tractor._child", "--uid", "('alpha', 'u1')", "--parent_addr", "('127.0.0.1', 1616)"},
		Started: tinyNow.Add(-time.Hour + 1100*time.Millisecond), Age: time.Hour - 1100*time.Millisecond,
		CPU: 100 * time.Millisecond, Threads: 1, Cgroup: "/user.slice", NetNS: "net:[4026531840]",
		Actor: Identity{Population: "argv", Name: "alpha", UUID: "u1", ParentAddr: "127.0.0.1:1616"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if row := seen.Rows()[0]; row.Status != "denied" || row.Remedy == "" {
		t.Errorf("%+v; want denied, with a remedy", row)
	}
}

// A process whose memory lock is held for ever is often the one we look for.
func TestAStuckCommandLineIsMatchedByName(t *testing.T) {
	h := aTree()
	h.files["120/cmdline"] = "stuck"
	var seen Ledger
	got, err := PS(WithLedger(t.Context(), &seen), h, PSQuery{Match: regexp.MustCompile(`_subactor\[beta`)})
	if err != nil || len(got) != 1 || got[0].PID != 120 || got[0].Actor.Population != "comm" {
		t.Fatalf("%+v, %v", got, err)
	}
	rows := seen.Rows()
	if len(rows) != 2 || rows[0].PID != 0 || rows[0].Status != "timeout" || rows[1].PID != 120 || rows[1].Status != "timeout" {
		t.Errorf("%+v", rows)
	}
}

func TestForkedActorsAreToldFromTheirForkServer(t *testing.T) {
	h := newTiny()
	const code = "python3 -B -c from~tractor.spawn._forkserver_override~import~main;~main(5)"
	h.add("10 1 S python3 app.py", 10)
	h.add("11 10 S "+code, 10)
	h.add("12 11 S "+code, 10)
	for pid, want := range map[int]string{11: "helper", 12: "mp"} {
		p, err := ReadProcess(t.Context(), h, pid)
		if err != nil || p.Actor.Population != want {
			t.Errorf("%d: %q, %v; want %q", pid, p.Actor.Population, err, want)
		}
	}
}

func TestNeedles(t *testing.T) {
	for re, want := range map[string]string{
		`tractor\._child|_subactor\[`: "tractor._child _subactor[",
		`(foo|bar)+baz`:               "foo bar",
		`x.*pytest`:                   "pytest",
		`python3 app`:                 "python3",
		`a{2,}`:                       "a",
		`(?i)tractor`:                 "",
		`.*`:                          "",
		`foo|`:                        "",
		`\*\*\*`:                      "",
		`^$`:                          "",
		`x?y*`:                        "",
	} {
		var got []string
		for _, n := range needles(regexp.MustCompile(re)) {
			got = append(got, string(n))
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: %q, want %q", re, s, want)
		}
	}
}

// The sieve may let too much through, but must never lose a match.
func FuzzNeedles(f *testing.F) {
	f.Add(`tractor\._child|_subactor\[`, "python3\x00-m\x00tractor._child\x00")
	f.Add(`a b`, "a\x00b\x00")
	f.Add(`--token (\*+)`, "app\x00--token\x00x\x00")
	f.Fuzz(func(t *testing.T, pattern, raw string) {
		re, err := regexp.Compile(pattern)
		if err != nil || strings.Trim(raw, "\x00") == "" {
			return
		}
		q := PSQuery{Match: re}
		if re.MatchString(CommandLine(ParseCmdline([]byte(raw)))) && !newSieve(&q).mayMatch([]byte(raw)) {
			t.Errorf("%q on %q is lost: needles %q", pattern, raw, needles(re))
		}
	})
}
