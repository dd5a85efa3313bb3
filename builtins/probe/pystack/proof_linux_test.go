package pystack

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

var snapshots = flag.Int("snapshots", 100, "how many snapshots of the pulsing target to take")

// pulsing sleeps nearly always. Whenever it sleeps, exactly six frames of rest are
// on the stack of each of its threads, all of one generation; while it is awake it
// takes them down and builds up others. It needs nothing but the standard library.
const pulsing = `import sys, threading, time
gap = float(sys.argv[1])
def rest(generation, depth):
    if depth:
        return rest(generation, depth - 1)
    time.sleep(gap)
def pulse():
    generation = 0
    while True:
        generation += 1
        rest_of = globals()[f"generation_{generation % 7}"]
        rest_of(generation, generation % 7)
for i in range(7):
    exec(f"""def generation_{i}(generation, depth):
    if depth:
        return generation_{i}(generation, depth - 1)
    time.sleep(gap)
""")
for i in range(2):
    threading.Thread(target=pulse, daemon=True).start()
print("ready")
time.sleep(1000)
`

// whole reports whether a stack of pulsing is one that it ever had: generation_N
// entered N+1 times, and nothing else but pulse and what starts a thread.
func whole(frames []Frame) bool {
	count := map[string]int{}
	for _, f := range frames {
		if strings.HasPrefix(f.Func, "generation_") {
			count[f.Func]++
		}
	}
	if len(count) != 1 {
		return false
	}
	for name, n := range count {
		var depth int
		if _, err := fmt.Sscanf(name, "generation_%d", &depth); err != nil || n != depth+1 {
			return false
		}
	}
	return true
}

// TestNoProofOfATornState takes snapshots of a target that changes between its
// sleeps: each that is proved must be a state it had. By hand:
// -run TornState -snapshots 2000.
func TestNoProofOfATornState(t *testing.T) {
	pid := startPython(t, pulsing, "0.005")
	h := liveHost(t)
	proved, unproved, torn := 0, 0, 0
	for proved+unproved < *snapshots {
		p, err := Read(context.Background(), h, pid, Options{Tries: 1})
		if err != nil {
			unproved++
			continue
		}
		right := len(p.Threads) == 3 && whole(p.Threads[1].Frames) && whole(p.Threads[2].Frames)
		switch {
		case p.Proof.Proved && !right:
			t.Fatalf("proved, and torn: %s | %s", stackOf(p.Threads[1].Frames), stackOf(p.Threads[2].Frames))
		case p.Proof.Proved:
			proved++
		default:
			unproved++
			if !right {
				torn++
			}
		}
	}
	t.Logf("%d proved, all right; %d unproved, of which %d torn", proved, unproved, torn)
	if proved == 0 {
		t.Error("none was proved: the test shows nothing")
	}
}

// The loop of a process that computes has a thread that runs at all times.
func TestNoProofOfAProcessThatRuns(t *testing.T) {
	pid := startPython(t, "print('ready')\nwhile True: pass\n")
	for range 5 {
		p, err := Read(context.Background(), liveHost(t), pid, Options{Tries: 2})
		if err != nil {
			t.Fatal(err)
		}
		if p.Proof.Proved || len(p.Proof.Ran) != 1 || p.Proof.Ran[0] != pid || p.Proof.Tries != 2 {
			t.Fatalf("%+v, want thread %d to have run in 2 tries", p.Proof, pid)
		}
	}
}

func TestMarksTellWhoRan(t *testing.T) {
	rest := marks{10: {5, false}, 11: {9, false}}
	for name, x := range map[string]struct {
		after marks
		want  string
	}{
		"nobody":            {marks{10: {5, false}, 11: {9, false}}, "[]"},
		"switched":          {marks{10: {6, false}, 11: {9, false}}, "[10]"},
		"is on a processor": {marks{10: {5, false}, 11: {9, true}}, "[11]"},
		"ended":             {marks{10: {5, false}}, "[11]"},
		"began":             {marks{10: {5, false}, 11: {9, false}, 12: {0, false}}, "[12]"},
	} {
		if got := fmt.Sprint(rest.ran(x.after)); got != x.want {
			t.Errorf("%s: %s, want %s", name, got, x.want)
		}
	}
	if got := fmt.Sprint(marks{10: {5, true}}.ran(marks{10: {5, false}})); got != "[10]" {
		t.Errorf("ran before: %s", got)
	}
}

// withTrio skips, also in CI, where python3 has no trio: the recordings cover it.
func withTrio(t testing.TB) {
	t.Helper()
	if err := exec.Command("python3", "-c", "import trio").Run(); err != nil {
		t.Skip("python3 has no trio")
	}
}

// BenchmarkRead reads an actor of some trio tasks, and one of a thousand.
func BenchmarkRead(b *testing.B) {
	for _, tasks := range []int{5, 100, 1000} {
		b.Run(fmt.Sprint(tasks), func(b *testing.B) {
			withTrio(b)
			pid := startPython(b, `import sys, trio
async def rpc(channel):
    await channel.wait()
async def main():
    async with trio.open_nursery() as nursery:
        channel = trio.Event()
        for i in range(int(sys.argv[1])):
            nursery.start_soon(rpc, channel, name=f"rpc-{i}")
        await trio.sleep(0.1)
        print("ready")
        await trio.sleep_forever()
trio.run(main)
`, fmt.Sprint(tasks))
			h := liveHost(b)
			time.Sleep(100 * time.Millisecond) // "ready" is printed before it sleeps: not a matter of right
			for b.Loop() {
				p, err := Read(context.Background(), h, pid, Options{})
				if err != nil {
					b.Fatal(err)
				}
				if len(p.Tasks) < tasks {
					b.Fatalf("%d tasks", len(p.Tasks))
				}
			}
		})
	}
}

// BenchmarkReplay is the part of it that is ours: no kernel, no Python.
func BenchmarkReplay(b *testing.B) {
	recording := recordings(b)["3.11-trio"]
	r, err := ParseRecording(recording)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := r.Process(Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func TestADeletedBinaryIsRead(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	out, err := exec.Command("python3", "-c", "import sys; print(sys.executable); print(sys.base_prefix)").Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(out))
	binary, err := os.ReadFile(lines[0])
	if err != nil {
		t.Fatal(err)
	}
	copied := t.TempDir() + "/renamed"
	if err := os.WriteFile(copied, binary, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(copied, "-u", "-c", "print('ready')\nimport time\ntime.sleep(1000)")
	cmd.Env = append(os.Environ(), "PYTHONHOME="+lines[1])
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	if _, err := pipe.Read(make([]byte, 16)); err != nil {
		t.Skip("a copied interpreter does not start here") // of a system that looks for itself
	}
	if err := os.Remove(copied); err != nil {
		t.Fatal(err)
	}
	p := read(t, cmd.Process.Pid, Options{})
	if len(p.Threads) != 1 || stackOf(p.Threads[0].Frames) != "<module>:3" {
		t.Errorf("%+v", p.Threads)
	}
}
