package probe

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Modes that git knows; a file's own permissions are finer.
const (
	modeFile    = "100644"
	modeExec    = "100755"
	modeLink    = "120000"
	modeGitlink = "160000"
)

// gitFile is a row of an index or of a commit's tree.
type gitFile struct {
	Path  string
	Mode  string // modeFile …
	Blob  string // object id
	Stage byte   // '0'; another of a file with a conflict
	// Flag is as `git ls-files -v` prints it: 'H' plain, 'S' skip-worktree, lower
	// case assume-unchanged. git does not see changes to such a file.
	Flag byte
}

func (f gitFile) hidden() bool { return f.Flag != 'H' }

// tracked lists the index, or what of it specs match.
func (g *Git) tracked(ctx context.Context, specs ...string) ([]gitFile, error) {
	out, err := g.ask(ctx, append([]string{"ls-files", "-s", "-v", "-z", "--"}, specs...)...)
	if err != nil {
		return nil, err
	}
	return parseLsFiles(out)
}

// parseLsFiles reads `git ls-files -s -v -z`: "H 100644 OID 0\tPATH".
func parseLsFiles(b []byte) ([]gitFile, error) {
	var files []gitFile
	for _, r := range nulFields(b) {
		left, path, ok := strings.Cut(r, "\t")
		parts := strings.Split(left, " ")
		if !ok || path == "" || len(parts) != 4 || len(parts[0]) != 1 || len(parts[3]) != 1 {
			return nil, fmt.Errorf("git ls-files: cannot read %q", r)
		}
		files = append(files, gitFile{Path: path, Mode: parts[1], Blob: parts[2], Stage: parts[3][0], Flag: parts[0][0]})
	}
	return files, nil
}

// untracked lists the files that are neither tracked nor ignored. A repository
// that lies in the work tree and is no submodule is one row, with a slash at
// its end.
func (g *Git) untracked(ctx context.Context, specs ...string) ([]string, error) {
	out, err := g.ask(ctx, append([]string{"ls-files", "-o", "--exclude-standard", "-z", "--"}, specs...)...)
	return nulFields(out), err
}

// ignored lists what is ignored, a directory as one row with a slash at its end.
func (g *Git) ignored(ctx context.Context) ([]string, error) {
	out, err := g.ask(ctx, "ls-files", "-o", "-i", "--exclude-standard", "--directory", "-z")
	return nulFields(out), err
}

// place looks at a path of the work tree as git does: what lies behind a link
// in place of a directory is not there. Errors: fs.ErrNotExist.
func (g *Git) place(path string) (fs.FileInfo, error) { return placeBelow(g.Root, path) }

func placeBelow(root, path string) (fs.FileInfo, error) {
	for i := 0; i < len(path); i++ {
		if path[i] != '/' {
			continue
		}
		info, err := os.Lstat(root + "/" + path[:i])
		if err != nil {
			return nil, absent(err)
		}
		if !info.IsDir() {
			return nil, fs.ErrNotExist
		}
	}
	info, err := os.Lstat(root + "/" + path)
	return info, absent(err)
}

// file is place for a file or a link; anything else is not there.
func (g *Git) file(path string) (fs.FileInfo, error) {
	info, err := g.place(path)
	if err == nil && !keepable(info) {
		return nil, fs.ErrNotExist
	}
	return info, err
}

// keepable reports whether git can keep it: a regular file or a link.
func keepable(info fs.FileInfo) bool {
	return info.Mode().IsRegular() || info.Mode()&fs.ModeSymlink != 0
}

// absent makes one of the two ways in which a path is not there the other.
func absent(err error) error {
	if err != nil && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)) {
		return fs.ErrNotExist
	}
	return err
}

// hasher makes object ids of contents without asking git.
type hasher func() hash.Hash

// hasher is that of the repository's object format.
func (g *Git) hasher(ctx context.Context) (hasher, error) {
	format, err := g.config(ctx, "--get", "extensions.objectformat")
	if err != nil {
		return nil, err
	}
	if format == "sha256" {
		return sha256.New, nil
	}
	return sha1.New, nil
}

// blob is the object id of a regular file's bytes, or of a link's text, as they
// lie on disk: no filter and no line ending is applied.
func (h hasher) blob(path string, info fs.FileInfo) (string, error) {
	sum := h()
	if info.Mode()&fs.ModeSymlink != 0 {
		text, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "blob %d\x00%s", len(text), text)
		return hex.EncodeToString(sum.Sum(nil)), nil
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	fmt.Fprintf(sum, "blob %d\x00", info.Size())
	n, err := io.Copy(sum, io.LimitReader(f, info.Size()+1))
	if err == nil && n != info.Size() {
		err = fmt.Errorf("%s changed while it was read", Clean([]byte(path)))
	}
	return hex.EncodeToString(sum.Sum(nil)), err
}

// empty is the object id of an empty file.
func (h hasher) empty() string {
	sum := h()
	fmt.Fprint(sum, "blob 0\x00")
	return hex.EncodeToString(sum.Sum(nil))
}

// parents are the directories that path lies in, the deepest first.
func parents(path string) []string {
	var out []string
	for dir := filepath.Dir(path); dir != "."; dir = filepath.Dir(dir) {
		out = append(out, dir)
	}
	return out
}
