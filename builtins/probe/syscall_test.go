package probe

import (
	"bytes"
	"flag"
	"fmt"
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestSyscallFileInItsThreeForms(t *testing.T) {
	nr, args, running, err := ParseSyscall([]byte("45 0xa 0x7f0000 0x1000 0x0 0x0 0xffffffffffffffff 0x7ffe 0x7f5a\n"))
	if err != nil || running || nr != 45 || args != [6]uint64{10, 0x7f0000, 0x1000, 0, 0, 1<<64 - 1} {
		t.Errorf("blocked: %d %x %v %v", nr, args, running, err)
	}
	if nr, _, running, err = ParseSyscall([]byte("running\n")); nr != -1 || !running || err != nil {
		t.Errorf("running: %d %v %v", nr, running, err)
	}
	if nr, _, running, err = ParseSyscall([]byte("-1 0x7ffe 0x7f5a\n")); nr != -1 || running || err != nil {
		t.Errorf("outside: %d %v %v", nr, running, err)
	}
	for _, bad := range []string{"", "1", "x 0x0 0x0", "-2 0x0 0x0 0x0 0x0 0x0 0x0 0x0 0x0", "1 2 3 4 5 6 7 8 9", "1 0xzz 0x0 0x0 0x0 0x0 0x0 0x0 0x0"} {
		if nr, _, _, err := ParseSyscall([]byte(bad)); err == nil {
			t.Errorf("%q gave %d, want an error", bad, nr)
		}
	}
}

func FuzzParseSyscall(f *testing.F) {
	f.Add([]byte("0 0x3 0x7f 0x40 0x0 0x0 0x0 0x7ffe 0x7f5a\n"))
	f.Add([]byte("running\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		nr, _, running, err := ParseSyscall(b)
		if running && nr != -1 || err != nil && nr != -1 {
			t.Errorf("%d %v %v", nr, running, err)
		}
	})
}

func TestSyscallNamesAreThoseOfTheMachineThatWasRead(t *testing.T) {
	for _, c := range []struct {
		arch string
		nr   int
		want string
	}{
		{"amd64", 0, "read"}, {"", 232, "epoll_wait"}, {"amd64", 230, "clock_nanosleep"}, {"amd64", 202, "futex"}, {"amd64", 45, "recvfrom"},
		{"arm64", 63, "read"}, {"arm64", 22, "epoll_pwait"}, {"arm64", 115, "clock_nanosleep"}, {"arm64", 98, "futex"}, {"arm64", 207, "recvfrom"},
		{"amd64", 9999, "syscall_9999"}, {"amd64", -1, "syscall_-1"}, {"arm64", 300, "syscall_300"},
	} {
		if got := SyscallName(c.arch, c.nr); got != c.want {
			t.Errorf("%s %d: %q, want %q", c.arch, c.nr, got, c.want)
		}
	}
}

var updateSyscalls = flag.Bool("update-syscalls", false, "write syscalls_gen.go")

// syscalls_gen.go is made of the tables of x/sys, so that both architectures
// can be read on either.
func TestSyscallTableIsThatOfXSys(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/sys").Output()
	dir := strings.TrimSpace(string(out))
	if err != nil || dir == "" {
		t.Skip("the source of x/sys is not at hand:", err)
	}
	var b bytes.Buffer
	fmt.Fprintln(&b, "// Code generated from zsysnum_linux_{amd64,arm64}.go of golang.org/x/sys/unix by go test -run SyscallTable -update-syscalls; DO NOT EDIT.")
	fmt.Fprint(&b, "\npackage probe\n")
	row := regexp.MustCompile(`(?m)^\tSYS_(\w+)\s+= (\d+)$`)
	for _, arch := range []string{"amd64", "arm64"} {
		src, err := os.ReadFile(filepath.Join(dir, "unix", "zsysnum_linux_"+arch+".go"))
		if err != nil {
			t.Skip(err)
		}
		name := "syscalls" + strings.ToUpper(arch)
		fmt.Fprintf(&b, "\n// %s names the system calls of linux/%s by number.\nvar %s = [...]string{\n", name, arch, name)
		for _, m := range row.FindAllSubmatch(src, -1) {
			fmt.Fprintf(&b, "\t%s: %q,\n", m[2], strings.ToLower(string(m[1])))
		}
		fmt.Fprintln(&b, "}")
	}
	want, err := format.Source(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if *updateSyscalls {
		if err := os.WriteFile("syscalls_gen.go", want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("syscalls_gen.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("syscalls_gen.go is not what x/sys says; run go test -run SyscallTable -update-syscalls")
	}
}
