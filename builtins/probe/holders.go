package probe

import (
	"context"
	"fmt"
	"io/fs"
	"strconv"
)

// FDRef names a descriptor of a process.
type FDRef struct{ PID, FD int }

// holders finds who, on the whole host, has one of the wanted files open: by
// link text, as FD.Link has it ("socket:[123]", "pipe:[4]", a path). In order
// of pid and fd.
//
// Cost: about 30 µs a process, as it reads every link below /proc/*/fd; that is
// why only probes that were told "everywhere" come here. Processes that may not
// be read are counted in hidden: with hidden > 0 an absent holder is unknown,
// not nobody.
func holders(ctx context.Context, h Host, want map[string]bool) (found map[string][]FDRef, hidden int, err error) {
	found = map[string][]FDRef{}
	pids, err := processes(ctx, h)
	if err != nil || len(want) == 0 {
		return found, 0, err
	}
	for _, pid := range pids {
		dir := strconv.Itoa(pid) + "/fd"
		names, err := h.ReadDir(ctx, dir)
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		if err != nil {
			if !Gone(err) {
				hidden++
			}
			continue
		}
		for _, name := range names {
			fd, err := strconv.Atoi(name)
			if err != nil {
				continue
			}
			// A descriptor that was closed meanwhile holds nothing.
			if link, err := h.Readlink(ctx, dir+"/"+name); err == nil && want[link] {
				found[link] = append(found[link], FDRef{pid, fd})
			}
		}
	}
	return found, hidden, nil
}

// processes lists the pids of the host.
func processes(ctx context.Context, h Host) ([]int, error) {
	names, err := h.ReadDir(ctx, ".")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// coverHidden notes that a search of all processes could not see into some.
func coverHidden(ctx context.Context, h Host, probe string, hidden int) {
	if hidden > 0 {
		Cover(ctx, probe, 0, fmt.Errorf("open files of %d processes: %w", hidden, fs.ErrPermission), Remedy(ctx, h, -1))
	}
}

func socketLink(inode uint64) string { return "socket:[" + strconv.FormatUint(inode, 10) + "]" }
