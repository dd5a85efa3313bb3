package probe

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
)

// AsRoot is the remedy that helps most people. It can be typed as it stands,
// and finds again whatever was chosen: a remedy with gaps to fill in gets
// pasted with its gaps.
const AsRoot = "sudo runbook run wedged-actor"

// Remedy says what would let us read what the kernel just denied about a
// process of uid (-1 unknown): a command that can be typed, where there is one.
//
// PTRACE_MODE_ATTACH is refused by the uid, by Yama, to a container without
// CAP_SYS_PTRACE, or by a security module (ptrace(2), "Ptrace access mode
// checking"). Root is never told to become root.
func Remedy(ctx context.Context, h Host, uid int) string {
	c := h.Clock()
	if !c.Live {
		return "capture it again with more rights: sudo runbook capture -o again.tgz"
	}
	scope, err := ptraceScope(ctx, h)
	switch {
	case err == nil && scope == 3:
		return "kernel.yama.ptrace_scope is 3: nobody may attach before a boot without it"
	case c.UID == 0 && mayTrace(ctx, h):
		return "root may not either: a security module or a user namespace forbids it; try on the host itself"
	case c.UID == 0:
		return "give the container CAP_SYS_PTRACE (docker run --cap-add SYS_PTRACE), or try on the host itself"
	case err == nil && scope > 0 && uid == c.UID:
		return "sudo sysctl kernel.yama.ptrace_scope=0"
	}
	return AsRoot
}

// Refused says which check it was that denied us a process of uid (-1 unknown),
// in the order in which the kernel makes them; "" where that cannot be told: of a
// capture, and to root.
func Refused(ctx context.Context, h Host, uid int) string {
	c := h.Clock()
	scope, err := ptraceScope(ctx, h)
	switch {
	case !c.Live || c.UID == 0 || uid < 0:
		return ""
	case uid != c.UID:
		return fmt.Sprintf("it is another user's (uid %d)", uid)
	case err == nil && scope > 0:
		return fmt.Sprintf("kernel.yama.ptrace_scope is %d", scope)
	}
	return "it is not dumpable, or has more capabilities than we"
}

// mayTrace reports whether we have CAP_SYS_PTRACE, where that can be read.
func mayTrace(ctx context.Context, h Host) bool {
	const capSysPtrace = 19
	b, err := h.ReadFile(ctx, pidPath(h.Clock().PID, "status"), nil)
	if err != nil {
		return false
	}
	for line := range bytes.Lines(b) {
		if mask, ok := bytes.CutPrefix(line, []byte("CapEff:")); ok {
			caps, err := strconv.ParseUint(string(bytes.TrimSpace(mask)), 16, 64)
			return err == nil && caps&(1<<capSysPtrace) != 0
		}
	}
	return false
}
