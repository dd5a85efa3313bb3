package probe

import (
	"bytes"
	"strings"
)

// ParseCmdline splits /proc/PID/cmdline into argv: masked (see MaskCmdline) and
// clean (see Clean). It is empty for kernel threads and zombies.
//
// A program that writes its title over argv (setproctitle) leaves one string
// and a trail of NULs or spaces: that is one argument, not many empty ones.
func ParseCmdline(b []byte) []string {
	raw := splitCmdline(b)
	if len(raw) == 0 {
		return nil
	}
	maskArgs(raw)
	args := make([]string, len(raw))
	for i, a := range raw {
		args[i] = Clean([]byte(lineBreaks.Replace(a)))
	}
	return args
}

// lineBreaks keep a script that is an argument, as of python -c, readable in a
// line.
var lineBreaks = strings.NewReplacer("\r\n", "⏎", "\n", "⏎", "\t", " ")

// splitCmdline is ParseCmdline without masks and cleaning.
func splitCmdline(b []byte) []string {
	trimmed := bytes.TrimRight(b, "\x00")
	switch {
	case len(trimmed) == 0:
		return nil
	case bytes.IndexByte(trimmed, 0) < 0 && len(b)-len(trimmed) != 1:
		return []string{string(bytes.TrimRight(trimmed, " "))} // a title
	}
	return strings.Split(string(bytes.TrimSuffix(b, []byte{0})), "\x00")
}

// CommandLine joins argv with spaces: what a pattern is matched against, and
// `ps` shows.
func CommandLine(args []string) string { return strings.Join(args, " ") }
