package probe_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"runbook/builtins/probe"
)

// A proc that was mounted for another pid namespace shows the right processes
// under numbers that mean strangers to us: those we would read, and end.
func TestAProcOfAnotherPidNamespaceIsNotOurs(t *testing.T) {
	t.Parallel()
	const within = "RUNBOOK_TEST_OTHER_PIDS"
	if os.Getenv(within) == "" {
		cmd := exec.Command(os.Args[0], "-test.v", "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), within+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
		said, err := cmd.CombinedOutput()
		if errors.Is(err, syscall.EPERM) {
			t.Skip("no pid namespace can be made here: ", err)
		}
		if err != nil || !strings.Contains(string(said), "--- PASS: "+t.Name()) {
			t.Fatalf("%v\n%s", err, said)
		}
		return
	}
	if _, err := probe.NewLive(probe.LiveOptions{}); !errors.Is(err, probe.ErrOtherPIDs) {
		t.Errorf("as ours: %v, want ErrOtherPIDs", err)
	}
	only, err := probe.NewLive(probe.LiveOptions{Proc: "/proc"})
	if err != nil {
		t.Fatal(err)
	}
	if only.Act() != nil {
		t.Error("what is only looked at can be acted on")
	}
}
