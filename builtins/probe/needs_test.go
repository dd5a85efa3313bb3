package probe

import (
	"os"
	"os/exec"
	"testing"
)

// Needs skips a test whose programs are not installed; with CI=true, where all
// are, it fails instead. What the kernel or a container refuses (a mount, a
// namespace, a lease) is a skip there too: nobody can install a privilege.
func Needs(t testing.TB, programs ...string) {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
}
