package probe

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What a run left behind is named; what was there before, what somebody still
// serves, and what pytest keeps for itself is not.
func TestLeftFilesAreNamed(t *testing.T) {
	h, err := NewLive(LiveOptions{})
	if err != nil {
		t.Fatal(err)
	}
	at, err := os.MkdirTemp("", "lk") // t.TempDir is too long a path for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(at) })
	runtime, tmp := filepath.Join(at, "run"), filepath.Join(at, "tmp")
	for _, dir := range []string{runtime, tmp, filepath.Join(runtime, "tractor"), filepath.Join(tmp, "pytest-of-me"), filepath.Join(tmp, "pymp-x"), filepath.Join(at, "project")} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	bind := func(path string) net.Listener {
		t.Helper()
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		l.(*net.UnixListener).SetUnlinkOnClose(false)
		return l
	}
	bind(filepath.Join(runtime, "before.sock")).Close()
	past := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(runtime, "before.sock"), past, past); err != nil {
		t.Fatal(err)
	}

	w := watchLeaks(h, []string{"XDG_RUNTIME_DIR=/nowhere", "XDG_RUNTIME_DIR=" + runtime, "TMPDIR=" + tmp}, filepath.Join(at, "project"), filepath.Join(tmp, "pymp-x"))
	let := w.follow(t.Context())
	bind(filepath.Join(runtime, "tractor", "beta@4242.sock")).Close()
	bind(filepath.Join(tmp, "pymp-x", "listener-1")).Close()
	bind(filepath.Join(tmp, "a b\n.sock")).Close()
	deep := filepath.Join(at, "project", "var", "run") // 2026-11-28: two levels down nobody saw it
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	bind(filepath.Join(deep, "deep.sock")).Close()
	bind(filepath.Join(tmp, "pytest-of-me", "kept.sock")).Close()
	served := bind(filepath.Join(runtime, "served.sock"))
	defer served.Close()
	taken, err := net.ListenPacket("unixgram", filepath.Join(runtime, "taken.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	shm := filepath.Join(shmDir, "runbook-test-"+filepath.Base(at))
	if err := os.WriteFile(shm, make([]byte, 4096), 0o600); err != nil {
		t.Skip("no shared memory here: ", err)
	}
	t.Cleanup(func() { os.Remove(shm) })

	let()
	got := map[string]string{}
	for _, l := range w.files(context.Background()) {
		if l.Proved { // these are ours, and we are not below ourselves
			t.Errorf("%+v", l)
		}
		if strings.HasPrefix(l.Path, at) || l.Path == shm {
			if got[l.Path] += l.Kind; got[l.Path] != l.Kind {
				t.Errorf("%s is named twice", l.Path)
			}
		}
	}
	want := map[string]string{
		filepath.Join(runtime, "tractor", "beta@4242.sock"): "socket_file",
		filepath.Join(tmp, "pymp-x", "listener-1"):          "socket_file",
		filepath.Join(tmp, "a b\n.sock"):                    "socket_file",
		filepath.Join(deep, "deep.sock"):                    "socket_file",
		shm:                                                 "shm",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("leaks (-want +got):\n%s", diff)
	}
}
