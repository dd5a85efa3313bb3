package probe

import (
	"bytes"
	"strconv"
	"time"
)

// parseBootTime finds the line btime of /proc/stat: whole seconds, UTC. The
// zero time when it is not there.
func parseBootTime(b []byte) time.Time {
	for line := range bytes.Lines(b) {
		rest, ok := bytes.CutPrefix(line, []byte("btime "))
		if !ok {
			continue
		}
		sec, err := strconv.ParseInt(string(bytes.TrimSpace(rest)), 10, 64)
		if err != nil {
			break
		}
		return time.Unix(sec, 0)
	}
	return time.Time{}
}
