package main

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Where /proc is mounted with hidepid, the trees of others can't be seen: that
// none is seen does not mean that none hangs.
func TestHiddenProcessesAreNotClean(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root may mount /proc anew")
	}
	for _, need := range []string{"unshare", "setpriv"} {
		if _, err := exec.LookPath(need); err != nil {
			missing(t, "%v", err)
		}
	}
	const stranger = "54321" // of whom no tree is running here
	cmd := exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-c",
		`mount -t proc -o hidepid=2 proc /proc && exec setpriv --reuid `+stranger+` --regid `+stranger+` --clear-groups "$0" run wedged-actor --no-record`, builtBinary(t))
	cmd.Env = append(os.Environ(), "HOME=/")
	said, err := cmd.CombinedOutput()
	if errors.Is(err, unix.EPERM) || strings.Contains(string(said), "mount: ") || strings.Contains(string(said), "unshare: ") {
		t.Skipf("no /proc of its own can be mounted here: %v %s", err, said)
	}
	if cmd.ProcessState.ExitCode() != 3 || !strings.Contains(string(said), "hidden by the kernel") {
		t.Errorf("%v; want exit 3, and that processes were hidden:\n%s", err, said)
	}
}
