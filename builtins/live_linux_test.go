package builtins

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
)

// TestMain lets the test binary be the process that a test looks at.
func TestMain(m *testing.M) {
	if os.Getenv("BUILTINS_TEST_ROLE") == "talker" {
		talker()
		return
	}
	os.Exit(m.Run())
}

// talker connects to itself, leaves five bytes unread, says where, and stays
// until its standard input ends.
func talker() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	dialled, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		panic(err)
	}
	accepted, err := listener.Accept()
	if err != nil {
		panic(err)
	}
	if _, err := dialled.Write([]byte("hello")); err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	_ = accepted.Close()
}

// TestOnThisMachine asks the kernel itself about a process of ours.
func TestOnThisMachine(t *testing.T) {
	host, err := probe.NewLive(probe.LiveOptions{})
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "BUILTINS_TEST_ROLE=talker")
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = child.Wait()
	})
	address, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}

	r := newRun(host)
	r.names["pid"] = starlark.MakeInt(child.Process.Pid)
	r.names["address"] = starlark.String(strings.TrimSpace(address))
	got := r.text(t, `
p = ps(pid = pid, relatives = False)[0]
reader = [s for s in ss(p) if s.local == address and not s.listening][0]
pair = sample([p], over = "50ms")[p]
out = [reader.recv_q, reader.peer == p, reader.state, [l.pid == pid for l in listeners(address)], bool(threads(p)), bool(fds(p)),
	"SIGURG" in signals(p).caught, pair.gone, pair.second.has_threads, p in ps(), machine().live]`)
	if want := `[5, True, "ESTAB", [True], True, True, True, False, True, True, True]`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	_, err = r.exec(`
p = ps(pid = pid, relatives = False)[0]
locks()
locks(p)
epoll(p)
pipes(p, everywhere = True)
ss(p, outside = True, ownerless = True)
uds_files("/run")
shm()
waits(sample(p, over = "0s"))`)
	if err != nil {
		t.Error(err)
	}
}
