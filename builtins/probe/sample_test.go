package probe_test

import (
	"context"
	"testing"
	"time"

	"runbook/builtins/probe"
	"runbook/builtins/probe/probetest"
)

// What moved between two looks, and what is known not to have moved.
func TestPair(t *testing.T) {
	for _, test := range []struct {
		name, world string
		cpu         time.Duration
		share       float64
		switches    int
		still, gone bool
	}{
		{name: "nothing moved", world: `
			100 1 S "python3 app.py" cpu=5s
			--- over=2s`, still: true},
		{name: "half of a processor", world: `
			100 1 S "python3 app.py" cpu=5s switches=10/1
			--- over=2s
			100 cpu=6s switches=15/3`, cpu: time.Second, share: 0.5, switches: 7},
		{name: "a worker used a whole processor, and the main thread stood still", world: `
			100 1 S "python3 app.py"
			100/101 R cpu=1s
			---
			100/101 cpu=2s`, cpu: time.Second, share: 1, still: true},
		{name: "one look proves nothing", world: `
			100 1 S "python3 app.py" cpu=5s`, switches: -1},
		{name: "its threads were private at the second look", world: `
			100 1 S "python3 app.py"
			---
			denied 100/task`, switches: -1},
		{name: "it ended meanwhile", world: `
			100 1 S "python3 app.py" cpu=5s
			---
			gone 100`, switches: -1, gone: true},
		{name: "its pid is another process", world: `
			100 1 S "python3 app.py" cpu=5s age=5m
			---
			gone 100
			100 1 S "another" cpu=7s age=1s`, switches: -1, gone: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := twoLooks(t, test.world).Pairs[0]
			if p.CPU() != test.cpu || p.Share() != test.share || p.Switches() != test.switches || p.Still() != test.still || p.Gone() != test.gone {
				t.Errorf("cpu %v, share %v, switches %v, still %v, gone %v", p.CPU(), p.Share(), p.Switches(), p.Still(), p.Gone())
			}
		})
	}
}

func TestSampleIsInTheOrderThatWasAskedFor(t *testing.T) {
	h := probetest.World(t, "100 1 S x age=3m\n101 100 S y age=2m\n--- over=3s")
	id := func(pid int) probe.ID { return probe.ID{PID: pid, Start: started(t, h, pid)} }
	asked := []probe.Process{{ID: id(101)}, {ID: id(100)}, {ID: probe.ID{PID: 777, Start: 1}}}
	s, err := probe.TakeSample(context.Background(), h, asked, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if s.Over != 3*time.Second || !s.At.Equal(probetest.Now.Add(3*time.Second)) {
		t.Errorf("the capture was taken over 3s, the sample says %v, %v", s.Over, s.At)
	}
	for i, p := range asked {
		if s.Pairs[i].First.Process.ID != p.ID || s.Of(p.ID) != &s.Pairs[i] || s.Pairs[i].Over != s.Over {
			t.Errorf("pair %d is of %v, not of %v", i, s.Pairs[i].First.Process.ID, p.ID)
		}
	}
	if s.Of(probe.ID{PID: 100, Start: 5}) != nil {
		t.Error("another process under the same pid is in the sample")
	}
	if !s.Pairs[2].Gone() {
		t.Error("a process that never was is not called gone")
	}
}

// A capture of one moment gives no interval, whatever was asked for.
func TestSampleOfOneMomentHasNoInterval(t *testing.T) {
	h := probetest.World(t, `100 1 S "python3 app.py"`)
	s, err := probe.TakeSample(context.Background(), h, []probe.Process{{ID: probe.ID{PID: 100, Start: started(t, h, 100)}}}, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if p := s.Pairs[0]; s.Over != 0 || p.Still() || p.Switches() != -1 {
		t.Errorf("over %v, still %v, switches %v", s.Over, p.Still(), p.Switches())
	}
}

func TestSampleTellsNoLocksFromLocksThatCannotBeRead(t *testing.T) {
	for world, want := range map[string]bool{
		`100 1 S "python3 app.py"`:                                              true,
		"100 1 S \"python3 app.py\"\ndenied locks":                              true, // not asked: nobody waits for one
		"100 1 S x syscall=flock:4":                                             true,
		"100 1 S x syscall=flock:4\ndenied locks":                               false,
		"100 1 S x wchan=0 syscall=denied\ndenied locks":                        false,
		"100 1 S x syscall=flock:4\nfile locks \"1: FLOCK nonsense\"":           false,
		"100 1 S x syscall=flock:4\nlock FLOCK WRITE 99 fe:00:5 waiters=101,99": true,
	} {
		if s := twoLooks(t, world); (s.Locks != nil) != want {
			t.Errorf("%q: locks %v, want some or none %v", world, s.Locks, want)
		}
	}
}

// A queue that looks the same may hold other bytes; the count of all that ever
// arrived tells.
func TestConsumed(t *testing.T) {
	for _, test := range []struct {
		name     string
		was, now probe.Socket
		want     int
	}{
		{"nothing was read of what lay there", probe.Socket{RecvQ: 10, Received: 10}, probe.Socket{RecvQ: 30, Received: 30}, 0},
		{"all was read, and as much came", probe.Socket{RecvQ: 10, Received: 10}, probe.Socket{RecvQ: 10, Received: 20}, 10},
		{"all was read", probe.Socket{RecvQ: 10, Received: 10}, probe.Socket{RecvQ: 0, Received: 10}, 10},
		{"no count of what arrived, the same queue", probe.Socket{RecvQ: 10}, probe.Socket{RecvQ: 10}, 0},
		{"no count of what arrived, another queue", probe.Socket{RecvQ: 10}, probe.Socket{RecvQ: 11}, -1},
		{"a queue that could not be read", probe.Socket{RecvQ: -1, Received: 10}, probe.Socket{RecvQ: 10, Received: 10}, -1},
	} {
		if got := probe.Consumed(&test.was, &test.now); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
}
