package probe

import (
	"context"
	"fmt"
)

// ReadSignals returns which signals a process blocks, ignores, catches and has
// pending. Blocked is of its main thread; pending is of that and of the process.
//
// Errors: fs.ErrNotExist when it is gone. Everybody may read this.
func ReadSignals(ctx context.Context, h Host, pid int) (Signals, error) {
	b, err := h.ReadFile(ctx, pidPath(pid, "status"), nil)
	var st Status
	if err == nil {
		if st, err = ParseStatus(b); err != nil {
			err = fmt.Errorf("process %d: %w", pid, err)
		}
	}
	Cover(ctx, "signals", pid, err, "")
	return st.Signals, err
}
