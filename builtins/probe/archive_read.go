package probe

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// An archive comes from another machine, and perhaps from someone who means
// harm: what is larger than any capture of ours is refused, not read.
type limits struct {
	file    int64 // bytes of one entry
	archive int64 // bytes of all, unpacked: all of it is held in memory
	entries int
}

var ourLimits = limits{file: 64 << 20, archive: 256 << 20, entries: 200_000}

const maxSamples = 16

// OpenSnapshot reads the archive in a file.
//
// Entries with "..", absolute names, hard links and devices are refused, and so
// are bombs. Links are kept as text and never followed; nothing is written to disk.
func OpenSnapshot(name string) (*Snapshot, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, fmt.Errorf("snapshot %s: is a directory, and a capture is one file", name)
	}
	s, err := ReadSnapshot(f)
	if err != nil {
		return nil, fmt.Errorf("snapshot %s: %w", name, err)
	}
	return s, nil
}

// ReadSnapshot reads an archive that Save wrote, see OpenSnapshot.
func ReadSnapshot(r io.Reader) (*Snapshot, error) { return readSnapshot(r, ourLimits) }

func readSnapshot(r io.Reader, max limits) (*Snapshot, error) {
	zr, err := gzip.NewReader(r)
	if err != nil {
		return nil, errors.New("not a capture: it does not begin as a gzip archive")
	}
	u := unpacker{max: max, entries: map[string]bool{}, samples: map[int]*Moment{}}
	if err := u.read(tar.NewReader(&limited{zr, max.archive})); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("the archive is cut short")
		}
		return nil, err
	}
	// The checksum stands at the very end; tar stops before it.
	if _, err := io.Copy(io.Discard, &limited{zr, 1 << 20}); err != nil {
		return nil, fmt.Errorf("the archive is damaged: %w", err)
	}
	return u.snapshot()
}

// limited fails, where io.LimitReader pretends that the end was reached.
type limited struct {
	r    io.Reader
	left int64
}

var errTooLarge = fmt.Errorf("unpacks to more than %d MiB", ourLimits.archive>>20)

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errTooLarge
	}
	if int64(len(p)) > l.left {
		p = p[:l.left]
	}
	n, err := l.r.Read(p)
	l.left -= int64(n)
	return n, err
}

type unpacker struct {
	max     limits
	meta    *SnapshotMeta
	samples map[int]*Moment
	entries map[string]bool
	bytes   int64 // of contents: a sparse entry is larger than what it takes to store it
}

func (u *unpacker) read(tr *tar.Reader) error {
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := u.entry(h, tr); err != nil {
			return fmt.Errorf("entry %q: %w", shorten(h.Name), err)
		}
	}
}

func (u *unpacker) entry(h *tar.Header, r io.Reader) error {
	name := path.Clean(h.Name)
	switch {
	case path.IsAbs(h.Name) || strings.HasPrefix(h.Name, `\`):
		return errors.New("absolute name")
	case slices.Contains(strings.Split(h.Name, "/"), ".."):
		return errors.New(`".." in the name`)
	case strings.ContainsRune(h.Name, 0) || len(name) > 4096:
		return errors.New("no name of ours")
	case h.Typeflag == tar.TypeDir:
		return u.count(name)
	case h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeSymlink:
		return fmt.Errorf("neither a file nor a link (type %q)", h.Typeflag)
	case h.Size > u.max.file:
		return fmt.Errorf("larger than %d MiB", ourLimits.file>>20)
	case u.entries[name]:
		return errors.New("stands there twice")
	}
	if err := u.count(name); err != nil {
		return err
	}
	if h.Typeflag == tar.TypeSymlink {
		return u.link(name, h.Linkname)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if u.bytes += int64(len(data)); u.bytes > u.max.archive {
		return errTooLarge
	}
	return u.file(name, data)
}

func (u *unpacker) count(name string) error {
	if len(u.entries) >= u.max.entries {
		return fmt.Errorf("more than %d entries", ourLimits.entries)
	}
	u.entries[name] = true
	return nil
}

// place splits "0/proc/4242/stat" and "0/2/proc/4242/stat" into the moment, the
// answers and the rest of the name; nil for what a later version may write.
func (u *unpacker) place(name string) (m *Moment, a *Answers, rest string, err error) {
	i, rest, ok := cutNumber(name)
	if !ok {
		return nil, nil, "", nil
	}
	if i >= maxSamples {
		return nil, nil, "", fmt.Errorf("more than %d samples", maxSamples)
	}
	m = u.samples[i]
	if m == nil {
		m = &Moment{}
		u.samples[i] = m
	}
	n := 0
	if asking, below, ok := cutNumber(rest); ok {
		if asking < 2 || asking > maxAsked {
			return nil, nil, "", fmt.Errorf("asking number %d", asking)
		}
		n, rest = asking-1, below
	}
	for len(m.Asked) <= n {
		m.Asked = append(m.Asked, NewAnswers())
	}
	return m, m.Asked[n], rest, nil
}

// cutNumber takes a number off the front of a path.
func cutNumber(name string) (n int, rest string, ok bool) {
	dir, rest, _ := strings.Cut(name, "/")
	n, err := strconv.Atoi(dir)
	return n, rest, err == nil && n >= 0 && strconv.Itoa(n) == dir
}

func (u *unpacker) link(name, text string) error {
	m, a, rest, err := u.place(name)
	if m == nil {
		return err
	}
	p, ok := strings.CutPrefix(rest, "proc/")
	if !ok {
		return errors.New("a link outside proc")
	}
	if !linksInProc(p) {
		return errors.New("a link where proc has a file")
	}
	a.Links[p] = text
	return nil
}

// linksInProc reports whether the kernel has a link at that path below /proc. A
// link in the place of a file, as of a stat, would be a process of which nothing
// is known, and that looks like none.
func linksInProc(p string) bool {
	dir, base := path.Split(p)
	switch path.Base(dir) {
	case "fd", "ns", "map_files":
		return true
	}
	switch base {
	case "exe", "cwd", "root", "self", "thread-self":
		return true
	}
	return false
}

func (u *unpacker) file(name string, data []byte) error {
	if name == "snapshot.json" {
		u.meta = &SnapshotMeta{}
		return decode(data, u.meta)
	}
	m, a, rest, err := u.place(name)
	if m == nil {
		return err
	}
	if p, ok := strings.CutPrefix(rest, "proc/"); ok {
		a.Files[p] = data
		return nil
	}
	switch rest {
	case "dirs.json":
		return decode(data, &a.Dirs)
	case "left_out.json":
		err := decode(data, &m.LeftOut)
		slices.Sort(m.LeftOut)
		return err
	case "machine.json":
		return decode(data, &a.Machine)
	case "pipes.json":
		return decode(data, &a.Pipes)
	case "sockets.json":
		return a.readSockets(data)
	case "errors.json":
		return a.readErrors(data)
	}
	return nil // of a later version, perhaps
}

func (a *Answers) readSockets(data []byte) error {
	if err := decode(data, &a.Sockets); err != nil {
		return err
	}
	for pid, answer := range a.Sockets {
		slices.Sort(answer.Asked)
		for i := range answer.Rows {
			s := &answer.Rows[i]
			s.PID = pid
			for _, text := range []*string{&s.Family, &s.Type, &s.State, &s.Local, &s.Remote, &s.NetNS, &s.Source} {
				*text = Clean([]byte(*text))
			}
		}
	}
	return nil
}

func (a *Answers) readErrors(data []byte) error {
	var byOp map[string]map[string]Failure
	if err := decode(data, &byOp); err != nil {
		return err
	}
	for op, failures := range byOp {
		for about, f := range failures {
			f.Text = Clean([]byte(f.Text))
			a.Failed[Question{op, about}] = f
		}
	}
	return nil
}

func decode(data []byte, v any) error {
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("not the JSON that is expected here: %w", err)
	}
	return nil
}

// snapshot puts the parts together, and refuses what does not hang together.
func (u *unpacker) snapshot() (*Snapshot, error) {
	meta := u.meta
	switch {
	case meta == nil:
		return nil, errors.New("not a capture: it has no snapshot.json")
	case meta.Schema != SnapshotSchema:
		return nil, fmt.Errorf("schema %q: this program reads %s", shorten(meta.Schema), SnapshotSchema)
	case len(meta.Samples) == 0 || len(meta.Samples) > maxSamples:
		return nil, fmt.Errorf("%d samples: a capture has 1 to %d", len(meta.Samples), maxSamples)
	case meta.Ticks <= 0 || meta.Ticks > 1e6:
		return nil, fmt.Errorf("%d clock ticks a second cannot be", meta.Ticks)
	}
	var moments []*Moment
	for i, sample := range meta.Samples {
		m := u.samples[i]
		if m == nil {
			m = &Moment{} // nothing could be read then
		}
		if sample.Over < 0 {
			return nil, fmt.Errorf("sample %d was taken before the one ahead of it", i)
		}
		m.At, m.Over = sample.At, sample.Over
		moments = append(moments, m)
		delete(u.samples, i)
	}
	for i := range u.samples {
		return nil, fmt.Errorf("sample %d is not among those that snapshot.json lists", i)
	}
	for _, text := range []*string{&meta.Host, &meta.Kernel, &meta.Arch, &meta.Tool} {
		*text = Clean([]byte(*text))
	}
	for i, t := range meta.Trees {
		meta.Trees[i] = t.clean()
	}
	return NewSnapshot(*meta, moments), nil
}

// shorten makes a name of someone else's fit for one line of ours.
func shorten(s string) string {
	if len(s) > 80 {
		s = s[:80] + "…"
	}
	return s
}
