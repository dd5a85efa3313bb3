package probe

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The archive of a snapshot is a gzipped tar with one directory a sample:
//
//	snapshot.json           SnapshotMeta
//	0/proc/4242/stat        a file, as it was read
//	0/proc/4242/fd/8        a link, only ever read as a link
//	0/dirs.json             path → names
//	0/errors.json           operation → path → kind and text
//	0/sockets.json          pid → descriptors asked about, rows
//	0/pipes.json            pid/fd → fill
//	0/machine.json          Machine
//	0/left_out.json         pids that were seen and not kept
//	0/2/proc/4242/stat      what the second asking gave, where it differs;
//	0/2/dirs.json           and so on
//
// Equal snapshots give equal bytes.

// Save writes the snapshot as an archive. Secrets in command lines are masked
// once more: masking twice changes nothing.
func (s *Snapshot) Save(w io.Writer) error {
	if n := len(s.moments); n > maxSamples {
		return fmt.Errorf("save snapshot: %d samples, and at most %d can be read back", n, maxSamples)
	}
	zw := gzip.NewWriter(w)
	a := archiver{tw: tar.NewWriter(zw)}
	a.json("snapshot.json", s.Meta)
	all := func(int) bool { return true }
	for i, m := range s.moments {
		a.moment(strconv.Itoa(i)+"/", m.only(all))
	}
	if a.err == nil {
		a.err = a.tw.Close()
	}
	if a.err == nil {
		a.err = zw.Close()
	}
	if a.err != nil {
		return fmt.Errorf("save snapshot: %w", a.err)
	}
	return nil
}

// archiver writes entries until one fails, and keeps that error.
type archiver struct {
	tw  *tar.Writer
	err error
}

func (a *archiver) moment(dir string, m *Moment) {
	a.json(dir+"left_out.json", m.LeftOut)
	for n, answers := range m.Asked {
		if n > 0 {
			a.answers(fmt.Sprintf("%s%d/", dir, n+1), answers)
		} else {
			a.answers(dir, answers)
		}
	}
}

func (a *archiver) answers(dir string, x *Answers) {
	if len(x.Dirs) > 0 {
		a.json(dir+"dirs.json", x.Dirs)
	}
	if len(x.Failed) > 0 {
		a.json(dir+"errors.json", byOp(x.Failed))
	}
	if x.Machine != nil {
		a.json(dir+"machine.json", x.Machine)
	}
	if len(x.Pipes) > 0 {
		a.json(dir+"pipes.json", x.Pipes)
	}
	if len(x.Sockets) > 0 {
		a.json(dir+"sockets.json", x.Sockets)
	}
	paths := slices.Concat(slices.Collect(maps.Keys(x.Files)), slices.Collect(maps.Keys(x.Links)))
	slices.SortFunc(paths, pathOrder)
	for _, p := range slices.Compact(paths) { // a path is a file or a link; the file wins
		if data, ok := x.Files[p]; ok {
			a.file(dir+"proc/"+p, data)
		} else {
			a.entry(&tar.Header{Typeflag: tar.TypeSymlink, Name: dir + "proc/" + p, Linkname: x.Links[p], Mode: 0o777}, nil)
		}
	}
}

func (a *archiver) json(name string, v any) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(v); err != nil && a.err == nil {
		a.err = fmt.Errorf("%s: %w", name, err)
	}
	a.file(name, buf.Bytes())
}

func (a *archiver) file(name string, data []byte) {
	a.entry(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(data)), Mode: 0o600}, data)
}

func (a *archiver) entry(h *tar.Header, data []byte) {
	if a.err != nil {
		return
	}
	h.ModTime = time.Unix(0, 0)
	if a.err = a.tw.WriteHeader(h); a.err == nil {
		_, a.err = a.tw.Write(data)
	}
}

// byOp nests failures as errors.json has them.
func byOp(failed map[Question]Failure) map[string]map[string]Failure {
	out := map[string]map[string]Failure{}
	for q, f := range failed {
		if out[q.Op] == nil {
			out[q.Op] = map[string]Failure{}
		}
		out[q.Op][q.About] = f
	}
	return out
}

// pathOrder sorts 9/stat before 10/stat, so that a listing reads like ps.
func pathOrder(a, b string) int {
	as, bs := strings.Split(a, "/"), strings.Split(b, "/")
	return slices.CompareFunc(as, bs, func(x, y string) int {
		n, errX := strconv.Atoi(x)
		m, errY := strconv.Atoi(y)
		if errX == nil && errY == nil && n != m {
			return n - m
		}
		return cmp.Compare(x, y)
	})
}
