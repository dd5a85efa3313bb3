package probe

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"

	"runbook/engine/lazyregexp"
)

// Before private directories had a lock, a run of pytest had one of this name, and
// kept the file of its events open from the beginning to the end. So one is nobody's
// when it holds that file and the plugin, nothing else, and nobody has the file open.

var unmarkedNames = lazyregexp.New(`^runbook-pytest-[0-9]+$`)

// pluginMark is how the plugin has begun since there is one.
const pluginMark = `"""What pytest is doing, a line of JSON for each step, for who waits outside.`

// isUnmarked reports whether a directory is such a one, and nobody's. Of one that is
// only being made it does not: the events come last.
func isUnmarked(dir *os.File, uid int) bool {
	info, err := dir.Stat()
	if err != nil || !unmarkedNames().MatchString(filepath.Base(dir.Name())) || ownerOf(info) != uid || info.Mode().Perm() != 0o700 {
		return false
	}
	entries, err := os.ReadDir(dir.Name())
	if err != nil {
		return false
	}
	for _, e := range entries {
		if e.Name() == "__pycache__" && e.IsDir() {
			continue
		}
		if name := strings.TrimSuffix(e.Name(), ".py"); name != "events" && name != pluginModule || !e.Type().IsRegular() {
			return false
		}
	}
	return begins(filepath.Join(dir.Name(), pluginModule+".py"), pluginMark) && isClosed(filepath.Join(dir.Name(), "events"))
}

// begins reports whether a file begins with a text.
func begins(path, text string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, int64(len(text))))
	return err == nil && bytes.Equal(head, []byte(text))
}
