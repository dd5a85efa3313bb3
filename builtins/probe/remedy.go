package probe

import "context"

// remedyAttach says what would let us read what the kernel just denied about a
// process of uid (-1 unknown): a command that can be typed, where there is one.
//
// PTRACE_MODE_ATTACH is refused by the uid, by Yama, or by a container without
// CAP_SYS_PTRACE (ptrace(2), "Ptrace access mode checking").
func remedyAttach(ctx context.Context, h Host, uid int) string {
	c := h.Clock()
	if !c.Live {
		return "capture it again with more rights: sudo runbook capture …"
	}
	if c.UID == 0 {
		return "add CAP_SYS_PTRACE: docker run --cap-add SYS_PTRACE …"
	}
	scope, err := ptraceScope(ctx, h)
	switch {
	case err == nil && scope == 3:
		return "kernel.yama.ptrace_scope is 3 until the next boot: sudo runbook …, after a boot without it"
	case err == nil && scope > 0 && uid == c.UID:
		return "sudo sysctl kernel.yama.ptrace_scope=0"
	}
	return "sudo runbook …"
}
