package probe

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// UDSFile is one socket file of a directory, by kernel truth.
type UDSFile struct {
	Path string
	// Owner and PID are what the name says: "registry@1616.sock" has owner
	// "registry". PID 0: the name has none. 1616 is not a pid but how a
	// registry is called.
	Owner    string
	PID      int
	PIDAlive bool // a process with that pid exists; perhaps another one by now
	// Listening is what the kernel says of the file, whatever its name says: a
	// socket that accepts connections is bound to it. A file that nobody listens
	// at makes the next bind fail with EADDRINUSE.
	Listening bool
	HolderPID int // who listens; 0 nobody, or unknown
	Age       time.Duration
}

// registrySentinel stands in the place of the pid in the name of a registry's
// socket file.
const registrySentinel = 1616

// Bindspaces are the directories where the actors of a user put their socket
// files: below $XDG_RUNTIME_DIR, else where platformdirs' user_runtime_dir
// falls back to. Not all of them need to exist.
func Bindspaces(getenv func(string) string, uid int) []string {
	if dir := getenv("XDG_RUNTIME_DIR"); dir != "" {
		return []string{filepath.Join(dir, "tractor")}
	}
	return []string{fmt.Sprintf("/run/user/%d/tractor", uid), filepath.Join(os.TempDir(), fmt.Sprintf("runtime-%d", uid), "tractor")}
}

// UDSFiles tells of each socket file in dir who listens at it. No such
// directory means no files.
//
// A socket that was bound in another network namespace is found only when the
// pid in the file's name leads there. Cost: about 30 µs a process of the host
// when somebody listens. Errors: ErrUnsupported on a snapshot, which holds no
// directories but /proc; fs.ErrPermission.
func UDSFiles(ctx context.Context, h Host, dir string) ([]UDSFile, error) {
	files, err := udsFiles(ctx, h, dir)
	Cover(ctx, "uds_files", 0, err, "")
	if err != nil {
		return nil, fmt.Errorf("uds_files %s: %w", dir, err)
	}
	return files, nil
}

func udsFiles(ctx context.Context, h Host, dir string) ([]UDSFile, error) {
	if !h.Clock().Live || h.Clock().PID == 0 {
		return nil, ErrUnsupported
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !Gone(err) {
		return nil, err
	}
	files := []UDSFile{}
	infos := []fs.FileInfo{}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || info.Mode()&fs.ModeSocket == 0 {
			continue // removed meanwhile, or no socket
		}
		f := UDSFile{Path: filepath.Join(dir, entry.Name()), Age: h.Now().Sub(info.ModTime())}
		f.Owner, f.PID = parseSocketName(entry.Name())
		if f.PID > 0 {
			_, err := h.ReadFile(ctx, strconv.Itoa(f.PID)+"/stat", nil)
			f.PIDAlive = err == nil || Denied(err)
		}
		files, infos = append(files, f), append(infos, info)
	}
	if len(files) == 0 {
		return files, nil
	}
	bound, err := boundFiles(ctx, h)
	if err != nil {
		return nil, err
	}
	inodes := make([]uint64, len(files))
	want := map[string]bool{}
	for i := range files {
		inodes[i] = bound.find(files[i].Path, infos[i])
		if inodes[i] == 0 && files[i].PIDAlive {
			inodes[i] = boundElsewhere(ctx, h, files[i].PID, files[i].Path)
		}
		if files[i].Listening = inodes[i] != 0; files[i].Listening {
			want[socketLink(inodes[i])] = true
		}
	}
	found, hidden, err := holders(ctx, h, want)
	if err != nil {
		return nil, err
	}
	coverHidden(ctx, h, "uds_files", hidden)
	for i := range files {
		if refs := found[socketLink(inodes[i])]; files[i].Listening && len(refs) > 0 {
			files[i].HolderPID = refs[0].PID
		}
	}
	return files, nil
}

// parseSocketName takes "NAME@PID.sock" apart; NAME may hold an @ itself.
func parseSocketName(name string) (owner string, pid int) {
	stem := strings.TrimSuffix(name, ".sock")
	at := strings.LastIndexByte(stem, '@')
	if at < 0 {
		return Clean([]byte(stem)), 0
	}
	n, err := strconv.ParseUint(stem[at+1:], 10, 31)
	if err != nil {
		return Clean([]byte(stem)), 0
	}
	if n == registrySentinel {
		n = 0
	}
	return Clean([]byte(stem[:at])), int(n)
}

// boundTable says at which files sockets listen.
type boundTable struct {
	byPath map[string]uint64 // inode of the socket
	byFile map[devInode]uint64
}

type devInode struct{ dev, inode uint64 }

// find asks by path, as it was given to bind, and by the file itself where the
// kernel tells it: a path may have been relative, or renamed since.
func (b *boundTable) find(path string, info fs.FileInfo) uint64 {
	if inode := b.byFile[fileOf(info)]; inode != 0 {
		return inode
	}
	return b.byPath[path]
}

// boundDump is a host that can tell which files sockets are bound to.
type boundDump interface {
	boundFiles(ctx context.Context) (*boundTable, error)
}

func boundFiles(ctx context.Context, h Host) (*boundTable, error) {
	if live, ok := h.(boundDump); ok {
		if table, err := live.boundFiles(ctx); err == nil {
			return table, nil
		}
	}
	rows, err := netUnix(ctx, h, h.Clock().PID)
	if err != nil {
		return nil, err
	}
	return boundPaths(rows), nil
}

func boundPaths(rows []Socket) *boundTable {
	table := &boundTable{byPath: map[string]uint64{}}
	for _, s := range rows {
		if s.Listening() && strings.HasPrefix(s.Local, "/") {
			table.byPath[s.Local] = s.Inode
		}
	}
	return table
}

func boundElsewhere(ctx context.Context, h Host, pid int, path string) uint64 {
	rows, err := netUnix(ctx, h, pid)
	if err != nil {
		return 0
	}
	return boundPaths(rows).byPath[path]
}
