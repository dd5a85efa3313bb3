package pystack

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// filtered makes this binary one that may not call process_vm_readv, and that
// reads the process whose pid it holds.
const filtered = "RUNBOOK_TEST_FILTERED"

// As under the seccomp profiles of some containers: mem of proc is read then.
func TestAFilteredSystemCallIsDoneWithout(t *testing.T) {
	if pid, err := strconv.Atoi(os.Getenv(filtered)); err == nil {
		forbidReadv(t)
		if _, err := unix.ProcessVMReadv(pid, []unix.Iovec{{}}, []unix.RemoteIovec{{}}, 0); !errors.Is(err, unix.EPERM) {
			t.Fatalf("process_vm_readv: %v, want EPERM", err)
		}
		p := read(t, pid, Options{})
		if got := stackOf(p.Threads[0].Frames); got != "<module>:3" {
			t.Errorf("it is at %s", got)
		}
		return
	}
	pid := startPython(t, "import time\nprint('ready')\ntime.sleep(1000)\n")
	cmd := exec.Command(os.Args[0], "-test.run", t.Name(), "-test.v")
	cmd.Env = append(os.Environ(), filtered+"="+strconv.Itoa(pid))
	if out, err := cmd.CombinedOutput(); err != nil {
		if strings.Contains(string(out), "no filter here") {
			t.Skip("seccomp is not to be had")
		}
		t.Fatalf("%v\n%s", err, out)
	}
}

// forbidReadv has the kernel answer EPERM, to all threads (seccomp(2)).
func forbidReadv(t *testing.T) {
	t.Helper()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the number of the call
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: unix.SYS_PROCESS_VM_READV},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if _, _, err := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program))); err != 0 {
		t.Fatal("no filter here: ", err)
	}
}

// bytesAt is a source of one page.
type bytesAt []byte

func (b bytesAt) read(_ []uint64, size int, buf []byte) (int, error) { return copy(buf[:size], b), nil }

func TestWhatWeDoNotReadIsRefusedByName(t *testing.T) {
	debugOffsets := func(version, threaded uint64) bytesAt {
		page := make([]byte, pageSize)
		copy(page, "xdebugpy")
		binary.LittleEndian.PutUint64(page[8:], version)
		binary.LittleEndian.PutUint64(page[16:], threaded)
		return page
	}
	for want, page := range map[string]bytesAt{
		"a free-threaded build of 3.14 is not supported":                                             debugOffsets(0x030e00f0, 1),
		"CPython 3.16 is not supported: its layout is not in our table, which goes from 3.8 to 3.15": debugOffsets(0x031000f0, 0),
	} {
		at := place{Runtime: 1 << 20}
		err := at.askVersion(&memory{from: page, pages: map[uint64][]byte{}, stop: new(atomic.Bool)})
		if err == nil || err.Error() != want || !errors.Is(err, ErrUnsupported) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	_, err := locate(parseMaps([]byte("00400000-00500000 r-xp 00000000 fe:00 7 /opt/pypy3.10/bin/pypy3.10\n")), "", nil, nil)
	if want := "PyPy is not supported: its frames are machine code"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if _, err := Read(context.Background(), liveHost(t), os.Getpid(), Options{}); !errors.Is(err, ErrNotPython) {
		t.Errorf("of ourselves: %v", err)
	}
}
