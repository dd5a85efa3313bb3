package probe

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A program says which files its source is in. Who looks at it as root must not
// be led by that to what the program may not read.
func TestFilesAreOpenedWithTheRightsOfTheProcess(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("another user is needed, and only root can be one")
	}
	const nobody, friends = 65534, 4242
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	file := func(name string, mode fs.FileMode, gid int) {
		path := filepath.Join(dir, name)
		for _, err := range []error{os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(name), 0o600), os.Chown(path, 0, gid), os.Chmod(path, mode)} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	file("everybody's", 0o644, 0)
	file("root's", 0o600, 0)
	file("group's", 0o640, friends)
	file("shut/in", 0o644, 0)
	for _, err := range []error{os.Chmod(filepath.Join(dir, "shut"), 0o700), unix.Mkfifo(filepath.Join(dir, "fifo"), 0o666), os.Symlink("root's", filepath.Join(dir, "link"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	naps := func(who *syscall.Credential) int {
		cmd := exec.Command("sleep", "1000")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
		return cmd.Process.Pid
	}
	stranger := naps(&syscall.Credential{Uid: nobody, Gid: nobody})
	friend := naps(&syscall.Credential{Uid: nobody, Gid: nobody, Groups: []uint32{friends}})
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0); err != nil { // to start as another user took it
		t.Fatal(err)
	}
	l := live(t, LiveOptions{})
	denied, none := fs.ErrPermission, error(nil)
	for who, x := range map[string]struct {
		pid  int
		want map[string]error
	}{
		"nobody":   {stranger, map[string]error{"everybody's": none, "root's": denied, "group's": denied, "shut/in": denied, "link": denied, "fifo": ErrNoFile, ".": ErrNoFile, "no": fs.ErrNotExist}},
		"a friend": {friend, map[string]error{"everybody's": none, "root's": denied, "group's": none, "shut/in": denied}},
		"root":     {naps(nil), map[string]error{"everybody's": none, "root's": none, "group's": none, "shut/in": none, "fifo": ErrNoFile}},
	} {
		got := map[string]error{}
		if err := l.Memory().AsProcess(x.pid, func(open SourceOpener) {
			for name := range x.want {
				f, err := open(filepath.Join(dir, name))
				if got[name] = err; err == nil {
					f.Close()
				}
			}
		}); err != nil {
			t.Fatal(err)
		}
		for name, want := range x.want {
			if !errors.Is(got[name], want) {
				t.Errorf("%s opens %s: %v, want %v", who, name, got[name], want)
			}
		}
	}
	if _, err := os.ReadFile(filepath.Join(dir, "root's")); err != nil {
		t.Errorf("we have not our own rights any more: %v", err)
	}
	if dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); dumpable != 1 {
		t.Errorf("we are not dumpable any more: %d, %v", dumpable, err)
	}
}
