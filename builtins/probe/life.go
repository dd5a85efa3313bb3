package probe

import "context"

// life is the little that acting needs to know of a process: who it is and
// whether it is still there. Anyone may read it of anyone.
type life struct {
	ID
	Comm    string // clean
	State   string
	PPID    int
	SID     int
	Threads int
	Kernel  bool
}

// readLife looks at one process. A vanished one is fs.ErrNotExist.
func readLife(ctx context.Context, h Host, pid int) (life, error) {
	data, err := h.ReadFile(ctx, pidText(pid)+"/stat", nil)
	if err != nil {
		return life{}, err
	}
	s, err := ParseStat(data)
	if err != nil {
		return life{}, err
	}
	return life{ID: ID{s.PID, s.Start}, Comm: Clean([]byte(s.Comm)), State: s.State,
		PPID: s.PPID, SID: s.SID, Threads: s.Threads, Kernel: s.Kernel}, nil
}

// ended reports whether only an entry in the process table is left. A process
// whose main thread alone has exited looks like a zombie, and lives.
func (l life) ended() bool { return (l.State == "Z" || l.State == "X") && l.Threads <= 1 }
