package probe_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runbook/builtins/probe"
	"runbook/builtins/probe/probetest"
)

// A tree whose actor beta stopped reading, a stranger beside it, and secrets
// where people put them.
const wedged = `
	host  uid=1000 kernel=6.18.0 ptrace_scope=1 load=0.5,0.4,0.3
	100 1   S "python3 app.py --token hunter2 --broker kraken" age=10m cpu=2s
	101 100 S "_subactor[beta@101]" age=9m
	102 100 Z "" comm=_subactor[gone] age=8m
	900 1   S "mysqld --password=swordfish" age=99h syscall=denied
	100:3 epoll 8=4000001d
	100:8 tcp ESTAB 127.0.0.1:5000 127.0.0.1:6000 sq=33000
	100:1 pipe 77 w fill=65536/65536
	101:3 epoll 8=40000000
	101:8 tcp ESTAB 127.0.0.1:6000 127.0.0.1:5000 rq=45815 received=46000
	101:9 unix LISTEN /run/tractor/beta@101.sock acceptq=1
	900:4 tcp LISTEN 0.0.0.0:3306
	lock FLOCK WRITE 101 fe:00:1234 waiters=100
	denied 101/task/101/syscall 101/syscall
	timeout 102/cmdline
	--- over=1.25s
	100 cpu=3s switches=5/1
	100:8 tcp ESTAB 127.0.0.1:5000 127.0.0.1:6000 sq=34000
`

// answers is all that h said.
type answers struct {
	Procs    []probe.Process
	Sample   *probe.Sample
	Locks    []probe.Lock
	Machine  probe.Machine
	Coverage []probe.Coverage
	Errors   string
}

// everything asks h all that probes ask, over two samples.
func everything(t *testing.T, h probe.Host) (a answers) {
	t.Helper()
	ledger := &probe.Ledger{}
	ctx := probe.WithLedger(context.Background(), ledger)
	var errs [4]error
	a.Procs, errs[0] = probe.PS(ctx, h, probe.PSQuery{Relatives: true})
	a.Sample, errs[1] = probe.TakeSample(ctx, h, a.Procs, time.Second)
	a.Machine, errs[2] = h.Machine(ctx)
	a.Locks, errs[3] = probe.Locks(ctx, h)
	a.Coverage, a.Errors = ledger.Rows(), fmt.Sprint(errs)
	return a
}

// tree keeps the processes of the wedged world, not the stranger.
func tree(pid int) bool { return pid < 900 }

func saved(t *testing.T, r *probe.Recorder, keep func(int) bool) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := r.Save(&b, probe.SnapshotMeta{Tool: "test"}, keep); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func opened(t *testing.T, archive []byte) *probe.Snapshot {
	t.Helper()
	s, err := probe.ReadSnapshot(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSnapshotAnswersAsTheHostDid(t *testing.T) {
	recorder := probe.NewRecorder(probetest.World(t, wedged))
	live := everything(t, recorder)
	archive := saved(t, recorder, tree)
	snapshot := opened(t, archive)
	if diff := cmp.Diff(live, everything(t, snapshot)); diff != "" {
		t.Errorf("read again from the archive (-live +snapshot):\n%s", diff)
	}
	if text := fmt.Sprintf("%+v %+v", live, *live.Sample); !strings.Contains(text, "45815") || !strings.Contains(text, "permission denied") {
		t.Errorf("the world was hardly read:\n%s", text)
	}
	snapshot.Rewind()
	if diff := cmp.Diff(live, everything(t, snapshot)); diff != "" {
		t.Errorf("rewound (-live +snapshot):\n%s", diff)
	}
	// A recorder around a snapshot makes a capture of a capture, which does not
	// know of whom the first one has left out.
	snapshot.Rewind()
	again := probe.NewRecorder(snapshot)
	everything(t, again)
	first, second := entries(t, archive), entries(t, saved(t, again, tree))
	for _, all := range []map[string]string{first, second} {
		delete(all, "0/left_out.json")
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("recorded from its snapshot (-first +second):\n%s", diff)
	}
}

func TestSnapshotSavesEqualBytesForEqualReads(t *testing.T) {
	var archives [2][]byte
	for i := range archives {
		r := probe.NewRecorder(probetest.World(t, wedged))
		everything(t, r)
		archives[i] = saved(t, r, tree)
	}
	if !bytes.Equal(archives[0], archives[1]) {
		t.Error("they differ")
	}
	var again bytes.Buffer
	if err := opened(t, archives[0]).Save(&again); err != nil || !bytes.Equal(archives[0], again.Bytes()) {
		t.Errorf("read and saved once more they differ (%v)", err)
	}
}

// entries unpacks an archive to what it says, by name.
func entries(t *testing.T, archive []byte) map[string]string {
	t.Helper()
	zr, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for tr := tar.NewReader(zr); ; {
		h, err := tr.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		data, _ := io.ReadAll(tr)
		out[h.Name] = string(data) + h.Linkname
	}
}

func TestSnapshotHoldsNothingOfStrangersAndNoSecrets(t *testing.T) {
	ctx := context.Background()
	h := probetest.World(t, wedged+"\n lock FLOCK WRITE 900 fe:00:99 \n file 100/environ \"SECRET=tiger\" \n file 101/maps \"/home/me\"")
	r := probe.NewRecorder(h)
	everything(t, r)
	for _, path := range []string{"100/environ", "101/maps", "900/stat", "900/cmdline", "1/task/1/children", "net/tcp"} {
		_, _ = r.ReadFile(ctx, path, nil)
	}
	if _, err := r.Sockets(ctx, 900, []probe.FD{{Num: 4, Kind: "socket"}}); err != nil {
		t.Fatal(err)
	}
	all := entries(t, saved(t, r, tree))
	for name, text := range all {
		for _, secret := range []string{"hunter2", "swordfish", "mysqld", "tiger", "/home/me", "3306", "environ", "maps"} {
			if strings.Contains(name+text, secret) {
				t.Errorf("%s holds %q: %q", name, secret, text)
			}
		}
	}
	for name, want := range map[string]string{
		"0/proc/100/cmdline":           "python3\x00app.py\x00--token\x00***\x00--broker\x00kraken\x00",
		"0/proc/100/task/100/children": "101 102 ",
		"0/proc/locks":                 "1: FLOCK  ADVISORY  WRITE 101 fe:00:1234 0 EOF\n1: -> FLOCK  ADVISORY  WRITE 100 fe:00:1234 0 EOF\n",
		"0/proc/101/fd/8":              "socket:[101008]",
		"0/left_out.json":              "[\n 900\n]\n",
	} {
		if all[strings.Replace(name, "0/proc/locks", "1/proc/locks", 1)] != want {
			t.Errorf("%s is %q, want %q", name, all[name], want)
		}
	}
	if !strings.Contains(all["0/dirs.json"], "\".\": [\n  \"100\",\n  \"101\",\n  \"102\"\n ]") {
		t.Errorf("dirs.json: %s", all["0/dirs.json"])
	}
}

// The shell from which the program was started is not of its tree.
func TestACaptureOfATreeSaysNothingOfWhatIsAboveIt(t *testing.T) {
	live := probe.NewRecorder(probetest.World(t, `
		900 1   S "bash"                age=99h
		990 900 S "python3 app.py"      age=10m sid=990 pgid=990
		991 990 S "_subactor[beta@991]" age=9m  sid=990 pgid=990
	`))
	q := probe.PSQuery{PIDs: []int{990}, Relatives: true}
	if _, err := probe.PS(t.Context(), live, q); err != nil {
		t.Fatal(err)
	}
	s := opened(t, saved(t, live, func(pid int) bool { return pid >= 990 }))
	var seen probe.Ledger
	ctx := probe.WithLedger(t.Context(), &seen)
	got, err := probe.PS(ctx, s, q)
	if err != nil || len(got) != 2 {
		t.Errorf("%d processes, %v; want the tree of two", len(got), err)
	}
	probe.Cover(ctx, "pipes", 900, probe.ErrNotCaptured, "")
	var said []string
	for _, row := range seen.Rows() {
		if row.Status != "read" {
			said = append(said, fmt.Sprint(row.Probe, " ", row.PID, " ", row.Status))
		}
	}
	if want := []string{"pipes 900 uncaptured"}; !slices.Equal(said, want) {
		t.Errorf("%q, want %q", said, want)
	}
}

func TestSnapshotTellsAbsentFromNotAsked(t *testing.T) {
	ctx := context.Background()
	r := probe.NewRecorder(probetest.World(t, wedged))
	for _, path := range []string{"100/stat", "101/stat", "101/syscall", "555/stat", "900/stat", "102/cmdline"} {
		_, _ = r.ReadFile(ctx, path, nil)
	}
	if _, err := r.Readlink(ctx, "102/exe"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if _, err := r.Sockets(ctx, 101, []probe.FD{{Num: 8, Kind: "socket"}}); err != nil {
		t.Fatal(err)
	}
	s := opened(t, saved(t, r, tree))
	for _, c := range []struct {
		path string
		want error
	}{
		{"100/stat", nil},
		{"100/status", probe.ErrNotCaptured},
		{"101/syscall", fs.ErrPermission},
		{"102/cmdline", probe.ErrTimeout},
		{"555/stat", fs.ErrNotExist},
		{"777/stat", fs.ErrNotExist},
		{"900/stat", probe.ErrNotCaptured}, // was there, and was left out
		{"locks", probe.ErrNotCaptured},
	} {
		if _, err := s.ReadFile(ctx, c.path, nil); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.path, err, c.want)
		} else if c.want == probe.ErrNotCaptured && (probe.Gone(err) || !strings.Contains(err.Error(), "not in the snapshot")) {
			t.Errorf("%s: %v reads like an answer", c.path, err)
		}
	}
	if _, err := s.Readlink(ctx, "102/exe"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("exe of a zombie: %v", err)
	}
	if rows, err := s.Sockets(ctx, 101, []probe.FD{{Num: 8, Kind: "socket"}}); err != nil || len(rows) != 1 || rows[0].RecvQ != 45815 {
		t.Errorf("sockets %+v %v", rows, err)
	}
	if _, err := s.Sockets(ctx, 101, []probe.FD{{Num: 9, Kind: "socket"}}); !errors.Is(err, probe.ErrNotCaptured) {
		t.Errorf("a socket that was not asked about: %v", err)
	}
	if names, err := s.ReadDir(ctx, "."); err != nil || !slices.Equal(names, []string{"100", "101"}) {
		t.Errorf("never listed, proc has %q %v", names, err)
	}
	if s.Act() != nil {
		t.Error("a snapshot can be acted on")
	}
}

func TestSnapshotStaysAtItsLastSampleAndSaysThatNoTimePassed(t *testing.T) {
	ctx := context.Background()
	s := probetest.World(t, wedged)
	began := s.Now()
	for _, want := range []time.Duration{1250 * time.Millisecond, 0, 0} {
		if over, err := s.Sleep(ctx, time.Hour); over != want || err != nil {
			t.Errorf("slept %v %v, want %v", over, err, want)
		}
	}
	if passed := s.Now().Sub(began); passed != 1250*time.Millisecond {
		t.Errorf("its clock went on by %v", passed)
	}
}

// entry is one of a hostile archive.
type entry struct {
	name string
	kind byte
	data string
	link string
}

func pack(t testing.TB, list ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	tw := tar.NewWriter(zw)
	for _, e := range list {
		if e.kind == 0 {
			e.kind = tar.TypeReg
		}
		if err := tw.WriteHeader(&tar.Header{Name: e.name, Typeflag: e.kind, Size: int64(len(e.data)), Linkname: e.link, Mode: 0o600}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(tw, e.data); err != nil {
			t.Fatal(err)
		}
	}
	tw.Close()
	zw.Close()
	return b.Bytes()
}

const head = `{"schema": "runbook/snapshot/v1", "ticks": 100, "samples": [{"at": "2026-01-02T03:04:05Z"}]}`

func TestOpenSnapshotRefusesWhatNoCaptureHas(t *testing.T) {
	good := pack(t, entry{name: "snapshot.json", data: head}, entry{name: "0/proc/7/stat", data: "7 (x)"})
	if _, err := probe.ReadSnapshot(bytes.NewReader(good)); err != nil {
		t.Fatal(err)
	}
	bomb := entry{name: "0/proc/1/stat", data: strings.Repeat("0", 60<<10)}
	bombs := []entry{{name: "snapshot.json", data: head}}
	for i := range 6 {
		bomb.name = fmt.Sprintf("0/proc/%d/stat", i+1)
		bombs = append(bombs, bomb)
	}
	var crowd []entry
	for i := range 201 {
		crowd = append(crowd, entry{name: fmt.Sprintf("0/proc/%d/stat", i+1)})
	}
	damaged := bytes.Clone(good)
	damaged[len(damaged)-6] ^= 1 // the checksum
	for name, c := range map[string]struct {
		archive []byte
		want    string
	}{
		"text":       {[]byte("hello"), "not a capture: it does not begin as a gzip archive"},
		"nothing":    {nil, "not a capture: it does not begin as a gzip archive"},
		"cut short":  {good[:len(good)/2], "the archive is cut short"},
		"cut a bit":  {good[:len(good)-3], "the archive is damaged: unexpected EOF"},
		"damaged":    {damaged, "the archive is damaged: gzip: invalid checksum"},
		"empty":      {pack(t), "not a capture: it has no snapshot.json"},
		"up":         {pack(t, entry{name: "0/proc/../../../etc/x"}), `entry "0/proc/../../../etc/x": ".." in the name`},
		"absolute":   {pack(t, entry{name: "/etc/passwd"}), `entry "/etc/passwd": absolute name`},
		"hard link":  {pack(t, entry{name: "0/proc/1/stat", kind: tar.TypeLink, link: "/etc/shadow"}), `entry "0/proc/1/stat": neither a file nor a link (type '1')`},
		"device":     {pack(t, entry{name: "0/proc/1/stat", kind: tar.TypeChar}), `entry "0/proc/1/stat": neither a file nor a link (type '3')`},
		"fifo":       {pack(t, entry{name: "0/proc/1/stat", kind: tar.TypeFifo}), `entry "0/proc/1/stat": neither a file nor a link (type '6')`},
		"twice":      {pack(t, entry{name: "0/proc/1/stat"}, entry{name: "0/proc//1/stat"}), `entry "0/proc//1/stat": stands there twice`},
		"no link":    {pack(t, entry{name: "0/proc/1/stat", kind: tar.TypeSymlink, link: "../2/stat"}), `entry "0/proc/1/stat": a link where proc has a file`},
		"a link out": {pack(t, entry{name: "0/dirs.json", kind: tar.TypeSymlink, link: "/etc"}), `entry "0/dirs.json": a link outside proc`},
		"file bomb":  {pack(t, entry{name: "0/proc/1/stat", data: strings.Repeat("0", 68<<10)}), `entry "0/proc/1/stat": larger than 64 MiB`},
		"bomb":       {pack(t, bombs...), "unpacks to more than 256 MiB"},
		"a crowd":    {pack(t, crowd...), "more than 200000 entries"},
		"samples":    {pack(t, entry{name: "16/dirs.json", data: "{}"}), `entry "16/dirs.json": more than 16 samples`},
		"bad JSON":   {pack(t, entry{name: "0/dirs.json", data: "{"}), `entry "0/dirs.json": not the JSON that is expected here: unexpected end of JSON input`},
		"bad head":   {pack(t, entry{name: "snapshot.json", data: "[]"}), `entry "snapshot.json": not the JSON that is expected here: `},
		"schema":     {pack(t, entry{name: "snapshot.json", data: `{"schema": "other/v9"}`}), `schema "other/v9": this program reads runbook/snapshot/v1`},
		"no sample":  {pack(t, entry{name: "snapshot.json", data: `{"schema": "runbook/snapshot/v1", "ticks": 100}`}), "0 samples: a capture has 1 to 16"},
		"no clock":   {pack(t, entry{name: "snapshot.json", data: strings.Replace(head, "100", "0", 1)}), "0 clock ticks a second cannot be"},
		"unlisted":   {pack(t, entry{name: "snapshot.json", data: head}, entry{name: "3/dirs.json", data: "{}"}), "sample 3 is not among those that snapshot.json lists"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := probe.ReadSnapshotWithin(bytes.NewReader(c.archive))
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v\nwant  %s", err, c.want)
			}
		})
	}
}

func TestOpenSnapshotNamesTheFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.tar.gz")
	if _, err := probe.OpenSnapshot(name); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), name) {
		t.Errorf("error %v", err)
	}
	if err := os.WriteFile(name, []byte("no archive"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := probe.OpenSnapshot(name); err == nil || !strings.Contains(err.Error(), name) {
		t.Errorf("error %v", err)
	}
}

func TestSnapshotTextOfOthersIsCleanedBeforeItReachesATerminal(t *testing.T) {
	s := opened(t, pack(t,
		entry{name: "snapshot.json", data: strings.Replace(head, `"ticks"`, `"host": "a\u001b[31mb", "ticks"`, 1)},
		entry{name: "0/sockets.json", data: `{"7": {"Asked": [3], "Rows": [{"PID": 1, "FD": 3, "Local": "/x\u001b]0;owned\u0007"}]}}`},
		entry{name: "0/errors.json", data: `{"read": {"7/stat": {"kind": "denied", "text": "\u001b[2J"}}}`}))
	_, err := s.ReadFile(context.Background(), "7/stat", nil)
	rows, _ := s.Sockets(context.Background(), 7, []probe.FD{{Num: 3, Kind: "socket"}})
	if text := fmt.Sprint(s.Clock().Hostname, err, rows); strings.ContainsAny(text, "\x1b\x07") {
		t.Errorf("%q", text)
	}
	if len(rows) != 1 || rows[0].PID != 7 {
		t.Errorf("rows %+v", rows)
	}
}

func FuzzReadSnapshot(f *testing.F) {
	r := probe.NewRecorder(probetest.World(f, wedged))
	_, _ = probe.PS(context.Background(), r, probe.PSQuery{Relatives: true})
	var good bytes.Buffer
	if err := r.Save(&good, probe.SnapshotMeta{}, tree); err != nil {
		f.Fatal(err)
	}
	f.Add(good.Bytes(), false)
	f.Add(pack(f, entry{name: "snapshot.json", data: head}, entry{name: "0/proc/7/fd/1", kind: tar.TypeSymlink, link: "pipe:[1]"}), false)
	var bare bytes.Buffer // the fuzzer can't see through gzip: hand it the tar as well
	zr, err := gzip.NewReader(&good)
	if err == nil {
		_, err = io.Copy(&bare, zr)
	}
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bare.Bytes(), true)
	f.Fuzz(func(t *testing.T, data []byte, zip bool) {
		if zip {
			var b bytes.Buffer
			zw := gzip.NewWriter(&b)
			_, _ = zw.Write(data)
			zw.Close()
			data = b.Bytes()
		}
		s, err := probe.ReadSnapshot(bytes.NewReader(data))
		if err != nil {
			return
		}
		ctx := context.Background()
		for range 3 { // whatever it holds can be asked for
			procs, _ := probe.PS(ctx, s, probe.PSQuery{Relatives: true})
			_, _ = probe.TakeSample(ctx, s, procs, time.Second)
		}
		var again bytes.Buffer
		if err := s.Save(&again); err != nil {
			t.Fatalf("what could be read can't be saved: %v", err)
		}
		if _, err := probe.ReadSnapshot(&again); err != nil {
			t.Fatalf("what was saved can't be read: %v", err)
		}
	})
}

// moving is a host on which a process opens a descriptor while it is looked at.
type moving struct {
	*probe.Snapshot
	asked int
}

func (m *moving) ReadDir(ctx context.Context, dir string) ([]string, error) {
	names, err := m.Snapshot.ReadDir(ctx, dir)
	if m.asked++; dir == "101/fd" && m.asked > 1 {
		names = append(names, "12")
	}
	return names, err
}

func TestSnapshotGivesEachAskingItsOwnAnswer(t *testing.T) {
	ctx := context.Background()
	r := probe.NewRecorder(&moving{Snapshot: probetest.World(t, wedged)})
	ask := func(h probe.Host) (said []string) {
		for range 3 {
			names, err := h.ReadDir(ctx, "101/fd")
			said = append(said, fmt.Sprint(names, err))
		}
		return said
	}
	live := ask(r)
	archive := saved(t, r, tree)
	if diff := cmp.Diff(live, ask(opened(t, archive))); diff != "" || live[0] == live[1] {
		t.Errorf("%q (-live +snapshot):\n%s", live, diff)
	}
	all := entries(t, archive)
	if _, third := all["0/3/dirs.json"]; third || !strings.Contains(all["0/2/dirs.json"], `"12"`) {
		t.Errorf("the archive should have what differs, once: %q", all)
	}
}
