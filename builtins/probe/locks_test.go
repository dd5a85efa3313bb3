package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// procText is a host made of text: files, and links as "-> target".
type procText map[string]string

func (p procText) ReadFile(_ context.Context, name string, _ []byte) ([]byte, error) {
	if text, ok := p[name]; ok {
		if text == "denied" {
			return nil, fmt.Errorf("%s: %w", name, fs.ErrPermission)
		}
		return []byte(text), nil
	}
	return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
}

func (p procText) Readlink(ctx context.Context, name string) (string, error) {
	b, err := p.ReadFile(ctx, name, nil)
	return strings.TrimPrefix(string(b), "-> "), err
}

func (p procText) ReadDir(_ context.Context, dir string) ([]string, error) {
	if p[dir] == "denied" {
		return nil, fmt.Errorf("%s: %w", dir, fs.ErrPermission)
	}
	var names []string
	for name := range p {
		if rest, ok := strings.CutPrefix(name, dir+"/"); ok || dir == "." {
			if !ok {
				rest = name
			}
			first, _, _ := strings.Cut(rest, "/")
			if !slices.Contains(names, first) {
				names = append(names, first)
			}
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s: %w", path.Clean(dir), fs.ErrNotExist)
	}
	slices.SortFunc(names, func(a, b string) int {
		x, err1 := strconv.Atoi(a)
		y, err2 := strconv.Atoi(b)
		if err1 == nil && err2 == nil {
			return x - y
		}
		return strings.Compare(a, b)
	})
	return names, nil
}

func (procText) Sockets(context.Context, int, []FD) ([]Socket, error) { return nil, ErrUnsupported }
func (procText) Pipe(context.Context, int, FD) (PipeFill, error)      { return PipeFill{}, ErrUnsupported }
func (procText) Machine(context.Context) (Machine, error)             { return Machine{}, ErrUnsupported }
func (procText) Now() time.Time                                       { return time.Unix(1e9, 0) }
func (procText) Clock() Clock                                         { return Clock{} }
func (procText) Act() Actor                                           { return nil }
func (procText) Sleep(context.Context, time.Duration) (time.Duration, error) {
	return 0, ErrUnsupported
}

const locksText = `1: FLOCK  ADVISORY  WRITE 100 fe:00:77 0 EOF
1: -> FLOCK  ADVISORY  WRITE 200 fe:00:77 0 EOF
1:  -> FLOCK  ADVISORY  READ 300 fe:00:77 0 EOF
2: POSIX  ADVISORY  READ  100 08:02:78 1073741826 1073742335
3: OFDLCK ADVISORY  WRITE -1 00:13:79 0 EOF
4: LEASE  ACTIVE    READ  400 fe:00:80 0 EOF
5: POSIX  *NOINODE* WRITE 100 <none>:0 0 EOF
`

func TestLocksNameHolderAndWaiters(t *testing.T) {
	got, err := ParseLocks([]byte(locksText))
	if err != nil {
		t.Fatal(err)
	}
	want := []Lock{
		{Number: 1, Kind: "FLOCK", Mode: "WRITE", PID: 100, Dev: "fe:00", Inode: 77, Start: "0", End: "EOF",
			Waiters: []LockWaiter{{200, "WRITE"}, {300, "READ"}}},
		{Number: 2, Kind: "POSIX", Mode: "READ", PID: 100, Dev: "08:02", Inode: 78, Start: "1073741826", End: "1073742335"},
		{Number: 3, Kind: "OFDLCK", Mode: "WRITE", PID: -1, Dev: "00:13", Inode: 79, Start: "0", End: "EOF"},
		{Number: 4, Kind: "LEASE", Mode: "READ", PID: 400, Dev: "fe:00", Inode: 80, Start: "0", End: "EOF"},
		{Number: 5, Kind: "POSIX", Mode: "WRITE", PID: 100, Start: "0", End: "EOF"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestLocksRefuseWhatTheyDoNotUnderstand(t *testing.T) {
	for _, text := range []string{
		"1: FLOCK", "1: FLOCK ADVISORY WRITE pid fe:00:77 0 EOF", "x FLOCK ADVISORY WRITE 1 fe:00:77 0 EOF",
		"1: FLOCK ADVISORY WRITE 1 77 0 EOF", "1: -> FLOCK ADVISORY WRITE 1 fe:00:77 0 EOF",
		"1: FLOCK ADVISORY WRITE 1 fe:00:77 0 EOF\n2: -> FLOCK ADVISORY WRITE 1 fe:00:77 0 EOF",
	} {
		if locks, err := ParseLocks([]byte(text)); err == nil {
			t.Errorf("%q gave %+v", text, locks)
		}
	}
}

func TestLockIsNamedByTheHoldersDescriptor(t *testing.T) {
	h := procText{
		"locks":          "1: FLOCK  ADVISORY  WRITE 100 fe:00:77 0 EOF\n1: -> FLOCK  ADVISORY  WRITE 200 fe:00:77 0 EOF\n2: FLOCK  ADVISORY  WRITE 100 fe:00:78 0 EOF\n",
		"100/fd/1":       "-> /dev/null",
		"100/fd/5":       "-> /srv/app/a.lock",
		"100/fdinfo/5":   "pos:\t0\nino:\t77\nlock:\t1: FLOCK  ADVISORY  WRITE 100 fe:00:77 0 EOF\n",
		"100/fd/6":       "-> /srv/app/b.lock",
		"100/fdinfo/6":   "pos:\t0\nino:\t78\nlock:\t1: FLOCK  ADVISORY  WRITE 100 fe:00:78 0 EOF\n",
		"200/fd/9":       "-> /srv/app/a.lock",
		"200/fdinfo/9":   "pos:\t0\nino:\t77\n",
		"300/fd":         "denied",
		"300/fd/unknown": "denied",
	}
	all, err := Locks(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	want := []Lock{
		{Number: 1, Kind: "FLOCK", Mode: "WRITE", PID: 100, Dev: "fe:00", Inode: 77, Start: "0", End: "EOF",
			Path: "/srv/app/a.lock", Holders: []FDRef{{100, 5}}, Waiters: []LockWaiter{{200, "WRITE"}}},
		{Number: 2, Kind: "FLOCK", Mode: "WRITE", PID: 100, Dev: "fe:00", Inode: 78, Start: "0", End: "EOF"},
	}
	if d := cmp.Diff(want, all); d != "" {
		t.Error(d)
	}

	want[1].Path, want[1].Holders = "/srv/app/b.lock", []FDRef{{100, 6}}
	mine, err := LocksOf(t.Context(), h, []int{100})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, mine); d != "" {
		t.Error(d)
	}
	none, err := LocksOf(t.Context(), h, []int{300})
	if err != nil || none == nil || len(none) != 0 {
		t.Errorf("locks of a process without any: %v, %v", none, err)
	}
}

// A lock that was taken before a fork is the child's when the parent is gone.
func TestLockOfADeadTakerIsFoundAtItsHeir(t *testing.T) {
	h := procText{
		"locks":        "1: FLOCK  ADVISORY  WRITE 100 fe:00:77 0 EOF\n1: -> FLOCK  ADVISORY  WRITE 200 fe:00:77 0 EOF\n",
		"200/fd/9":     "-> /srv/a.lock",
		"200/fdinfo/9": "pos:\t0\nino:\t77\n",
		"300/fd/4":     "-> /srv/a.lock",
		"300/fdinfo/4": "pos:\t0\nino:\t77\nlock:\t1: FLOCK  ADVISORY  WRITE 100 fe:00:77 0 EOF\n",
	}
	var ledger Ledger
	locks, err := Locks(WithLedger(t.Context(), &ledger), h)
	if err != nil {
		t.Fatal(err)
	}
	want := []Lock{{Number: 1, Kind: "FLOCK", Mode: "WRITE", PID: 100, Dev: "fe:00", Inode: 77, Start: "0", End: "EOF",
		Path: "/srv/a.lock", Holders: []FDRef{{300, 4}}, Waiters: []LockWaiter{{200, "WRITE"}}}}
	if d := cmp.Diff(want, locks); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]Coverage{{Probe: "locks", Status: "read"}}, ledger.Rows()); d != "" {
		t.Error(d)
	}
}

// Whose lock a stranger waits for is nobody's business: to find that out may
// take a look at every process.
func TestLocksOfWhoWaitsLeaveStrangersAlone(t *testing.T) {
	h := newTiny()
	h.files["locks"] = "1: FLOCK  ADVISORY  WRITE 100 fe:00:77 0 EOF\n1: -> FLOCK  ADVISORY  WRITE 200 fe:00:77 0 EOF\n"
	locks, err := locksWaitedFor(t.Context(), h, []int{100, 300})
	if err != nil || locks == nil || len(locks) != 0 || !slices.Equal(h.reads, []string{"locks"}) {
		t.Errorf("%v, %v; read %v, want the table alone", locks, err, h.reads)
	}
	locks, err = locksWaitedFor(t.Context(), h, []int{200})
	if err != nil || len(locks) != 1 || locks[0].PID != 100 {
		t.Errorf("%v, %v; want the lock that 200 waits for", locks, err)
	}
}

func TestUnreadableLocksAreAnError(t *testing.T) {
	var ledger Ledger
	locks, err := Locks(WithLedger(t.Context(), &ledger), procText{"locks": "denied"})
	if !errors.Is(err, fs.ErrPermission) || locks != nil {
		t.Errorf("got %v, %v", locks, err)
	}
	if rows := ledger.Rows(); len(rows) != 1 || rows[0].Status != "denied" {
		t.Errorf("coverage %+v", rows)
	}
}

func FuzzParseLocks(f *testing.F) {
	f.Add([]byte(locksText))
	f.Fuzz(func(t *testing.T, b []byte) {
		ParseLocks(b)
		parseLockInfo(b)
	})
}
