package probe

import (
	"context"
	"errors"
	"sort"
)

// Pipe is one pipe or FIFO, and who holds its ends.
type Pipe struct {
	Inode   uint64    // 0 of a FIFO: its path names it
	Path    string    // of a FIFO; "" of a pipe
	Fill    *PipeFill // nil unknown
	Readers []FDRef
	Writers []FDRef
	// Everywhere: all processes of the host were searched, and could be read.
	// Else a pipe without readers may have one that we did not look at.
	Everywhere bool
}

// Full reports whether a writer of so much as one byte would block. False also
// when the fill is unknown.
//
// The kernel fills whole pages: a pipe can be full for its writer with a
// little less than Capacity in it.
func (p *Pipe) Full() bool { return p.Fill != nil && p.Fill.Bytes > p.Fill.Capacity-4096 }

// Pipes joins the pipes that the processes of readings hold open, with their
// fill and the holders of both ends, in order of first appearance.
//
// With everywhere the holders among all other processes of the host are found
// too, at about 30 µs a process of the host.
//
// Fill needs attach on one of the holders: where that is refused it is nil.
// Errors: only ctx's, and those of listing the host's processes.
func Pipes(ctx context.Context, h Host, readings []Reading, everywhere bool) ([]Pipe, error) {
	j := &pipeJoin{byLink: map[string]*Pipe{}}
	for i := range readings {
		r := &readings[i]
		for _, fd := range r.FDs {
			if fd.Kind == "pipe" || fd.Kind == "fifo" {
				j.add(FDRef{r.Process.PID, fd.Num}, fd)
			}
		}
	}
	if everywhere {
		if err := j.searchEverywhere(ctx, h); err != nil {
			return nil, err
		}
	}
	pipes := []Pipe{}
	for _, link := range j.order {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p := j.byLink[link]
		p.Fill = fillOf(ctx, h, p)
		pipes = append(pipes, *p)
	}
	return pipes, nil
}

type pipeJoin struct {
	byLink map[string]*Pipe
	order  []string
}

func (j *pipeJoin) add(ref FDRef, fd FD) {
	p := j.byLink[fd.Link]
	if p == nil {
		p = &Pipe{Inode: fd.Inode}
		if fd.Kind == "fifo" {
			p.Path = fd.Link
		}
		j.byLink[fd.Link] = p
		j.order = append(j.order, fd.Link)
	}
	if fd.Read {
		p.Readers = append(p.Readers, ref)
	}
	if fd.Write {
		p.Writers = append(p.Writers, ref)
	}
}

func (j *pipeJoin) searchEverywhere(ctx context.Context, h Host) error {
	want := map[string]bool{}
	known := map[FDRef]bool{}
	for link, p := range j.byLink {
		want[link] = true
		for _, ref := range append(append([]FDRef(nil), p.Readers...), p.Writers...) {
			known[ref] = true
		}
	}
	found, hidden, err := holders(ctx, h, want)
	if err != nil {
		return err
	}
	coverHidden(ctx, h, "pipes", hidden)
	var others []int
	seen := map[int]bool{}
	for _, refs := range found {
		for _, ref := range refs {
			if !known[ref] && !seen[ref.PID] {
				seen[ref.PID] = true
				others = append(others, ref.PID)
			}
		}
	}
	sort.Ints(others)
	for _, pid := range others {
		fds, err := FDs(ctx, h, pid) // again, for which end each is
		if err != nil {
			if !Gone(err) {
				hidden++
			}
			continue
		}
		for _, fd := range fds {
			if ref := (FDRef{pid, fd.Num}); want[fd.Link] && !known[ref] {
				j.add(ref, fd)
			}
		}
	}
	for _, p := range j.byLink {
		p.Everywhere = hidden == 0
	}
	return nil
}

// fillOf asks through whichever holder lets us.
func fillOf(ctx context.Context, h Host, p *Pipe) *PipeFill {
	kind := "pipe"
	if p.Path != "" {
		kind = "fifo"
	}
	asked := map[int]bool{} // a process that refuses once refuses again
	for _, ref := range append(append([]FDRef(nil), p.Readers...), p.Writers...) {
		if asked[ref.PID] {
			continue
		}
		asked[ref.PID] = true
		fill, err := h.Pipe(ctx, ref.PID, FD{Num: ref.FD, Kind: kind, Inode: p.Inode, Link: p.Path})
		if err == nil {
			return &fill
		}
		if !Gone(err) || errors.Is(err, ErrTimeout) {
			Cover(ctx, "pipes", ref.PID, err, Remedy(ctx, h, -1))
		}
	}
	return nil
}
