package probe

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"time"
)

// Segment is one file of shared memory (shm_overview(7)).
type Segment struct {
	Path string
	Size int64 // bytes
	UID  int
	Age  time.Duration // since it was last written to as a file
	// MappedBy are the processes that map it or have it open, in order; empty
	// means nobody, if Certain.
	MappedBy []int
	// Certain: all processes of this user were read. One of another user may
	// still map a file that it may open.
	Certain bool
}

const shmDir = "/dev/shm"

// SharedMemory lists the files in /dev/shm that belong to our user, with who
// uses them. What nobody uses was left behind: no process of the system will
// remove it. Names that begin with "sem." are semaphores.
//
// Without users no process is read, and none that cannot be read is noted: for who
// wants to know which files there are.
//
// Cost: with users about 50 µs a process of the host, when there are such files.
// Errors: ErrUnsupported on a snapshot, fs.ErrPermission.
func SharedMemory(ctx context.Context, h Host, users bool) ([]Segment, error) {
	if !h.Clock().Live || h.Clock().PID == 0 {
		return nil, fmt.Errorf("shm: %w", ErrUnsupported)
	}
	segments, err := sharedMemory(ctx, h, shmDir, users)
	Cover(ctx, "shm", 0, err, "")
	if err != nil {
		return nil, fmt.Errorf("shm: %w", err)
	}
	return segments, nil
}

func sharedMemory(ctx context.Context, h Host, dir string, users bool) ([]Segment, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !Gone(err) {
		return nil, err
	}
	segments := []Segment{}
	byFile := map[devInode]int{}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !info.Mode().IsRegular() || ownerOf(info) != h.Clock().UID {
			continue
		}
		byFile[fileOf(info)] = len(segments)
		segments = append(segments, Segment{Path: filepath.Join(dir, entry.Name()), Size: info.Size(), UID: ownerOf(info),
			Age: h.Now().Sub(info.ModTime()), Certain: users})
	}
	if len(segments) == 0 || !users {
		return segments, nil
	}
	pids, err := processes(ctx, h)
	if err != nil {
		return nil, err
	}
	for _, pid := range pids {
		used, err := usesOf(ctx, h, pid, dir, byFile)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err != nil && !Gone(err) && uidOf(ctx, h, pid) == h.Clock().UID {
			Cover(ctx, "shm", pid, err, Remedy(ctx, h, -1))
			for i := range segments {
				segments[i].Certain = false
			}
		}
		for i := range used {
			segments[i].MappedBy = append(segments[i].MappedBy, pid)
		}
	}
	for i := range segments {
		sort.Ints(segments[i].MappedBy)
	}
	return segments, nil
}

// usesOf finds which of the files one process maps or has open. A mapping does
// not need the descriptor any longer, and a descriptor not the mapping yet.
func usesOf(ctx context.Context, h Host, pid int, dir string, files map[devInode]int) (map[int]bool, error) {
	used := map[int]bool{}
	b, err := h.ReadFile(ctx, strconv.Itoa(pid)+"/maps", nil)
	if err != nil {
		return nil, err
	}
	for line := range bytes.Lines(b) {
		if id, ok := mappedFile(line); ok {
			if i, ok := files[id]; ok {
				used[i] = true
			}
		}
	}
	fds, err := h.ReadDir(ctx, strconv.Itoa(pid)+"/fd")
	if err != nil {
		return used, err
	}
	for _, fd := range fds {
		link, err := h.Readlink(ctx, strconv.Itoa(pid)+"/fd/"+fd)
		if err != nil || filepath.Dir(link) != dir {
			continue
		}
		// The path names the file, unless it was replaced since.
		if info, err := os.Lstat(link); err == nil {
			if i, ok := files[fileOf(info)]; ok {
				used[i] = true
			}
		}
	}
	return used, nil
}

// mappedFile takes device and inode from a line of /proc/PID/maps
// (proc_pid_maps(5)):
//
//	7f2e8c000000-7f2e8c001000 rw-s 00000000 00:17 5 /dev/shm/psm_1f2e
func mappedFile(line []byte) (devInode, bool) {
	var f [5][]byte
	if n, _ := columns(bytes.TrimRight(line, "\n"), f[:]); n < len(f) {
		return devInode{}, false
	}
	major, minor, ok := bytes.Cut(f[3], []byte{':'})
	inode, err := strconv.ParseUint(string(f[4]), 10, 64)
	if !ok || err != nil || inode == 0 {
		return devInode{}, false
	}
	high, err1 := strconv.ParseUint(string(major), 16, 32)
	low, err2 := strconv.ParseUint(string(minor), 16, 32)
	if err1 != nil || err2 != nil {
		return devInode{}, false
	}
	return devInode{mkdev(uint32(high), uint32(low)), inode}, true
}

func uidOf(ctx context.Context, h Host, pid int) int {
	b, err := h.ReadFile(ctx, strconv.Itoa(pid)+"/status", nil)
	if err != nil {
		return -1
	}
	for line := range bytes.Lines(b) {
		if rest, ok := bytes.CutPrefix(line, []byte("Uid:")); ok {
			if words := bytes.Fields(rest); len(words) > 0 {
				if uid, err := strconv.Atoi(string(words[0])); err == nil {
					return uid
				}
			}
		}
	}
	return -1
}
