package probe

import "fmt"

type pipeEnd struct {
	id ID
	fd FD
}

var pipeVerbs = map[string]string{"pipe_write": "writing to", "pipe_read": "reading from"}

// onPipe: a writer waits for readers of a full pipe, a reader for writers of an
// empty one.
func (w *waiting) onPipe(p *Pair, t *Thread, e Edge) []Edge {
	e.Kind = Doing(t)
	fd := w.blockedPipe(p, t)
	if fd == nil {
		e.Certain, e.HolderText, e.Text = false, "a pipe", "is blocked "+pipeVerbs[e.Kind]+" a pipe"
		return []Edge{e}
	}
	e.FD = fd.Num
	e.Text = "is blocked " + pipeVerbs[e.Kind] + " a pipe" + onFD(fd.Num)
	if fill, ok := p.Second.Pipes[fd.Num]; ok {
		e.Bytes = fill.Bytes
		e.Text += fmt.Sprintf(" (%s of %s bytes)", count(fill.Bytes), count(fill.Capacity))
		e.Facts = append(e.Facts, Fact{"pipe_bytes", fill.Bytes}, Fact{"pipe_capacity", fill.Capacity})
	}
	e.Facts = append(e.Facts, Fact{"link", fd.Link})
	var edges []Edge
	seen := map[ID]bool{e.Waiter: true}
	own := false
	for _, end := range w.ends(fd) {
		known := end.fd.Read || end.fd.Write // of a FIFO only the blocked end's direction is read
		if known && (e.Kind == "pipe_write" && !end.fd.Read || e.Kind == "pipe_read" && !end.fd.Write) {
			continue
		}
		if end.id == e.Waiter {
			own = true
		}
		if !seen[end.id] {
			seen[end.id] = true
			e := e
			e.Holder = end.id
			edges = append(edges, e)
		}
	}
	// Any of several could end the wait: none of them alone is what holds it up.
	for i := range edges {
		edges[i].Certain = edges[i].Certain && len(edges) == 1
	}
	if len(edges) == 0 {
		e.HolderText = fd.Link
		if own {
			e.HolderText = "itself: it holds both ends of " + fd.Link
		}
		edges = []Edge{e}
	}
	return edges
}

// ends lists the descriptors of the sample that are the same pipe or FIFO.
func (w *waiting) ends(of *FD) []pipeEnd {
	var ends []pipeEnd
	for i := range w.Pairs {
		p := &w.Pairs[i]
		if p.Gone() {
			continue
		}
		for _, fd := range p.Second.FDs {
			if fd.Link == of.Link {
				ends = append(ends, pipeEnd{p.Second.Process.ID, fd})
			}
		}
	}
	return ends
}

// blockedPipe finds the descriptor in which t blocks. Where the kernel hides
// the system call, it is the one pipe that p holds open in that direction.
func (w *waiting) blockedPipe(p *Pair, t *Thread) *FD {
	var only *FD
	candidates := map[uint64]bool{}
	for i := range p.Second.FDs {
		fd := &p.Second.FDs[i]
		if fd.Num == t.FD {
			return fd // a FIFO, too, whose link is a path like any file's
		}
		if fd.Kind != "pipe" {
			continue
		}
		if (Doing(t) == "pipe_write" && fd.Write) || (Doing(t) == "pipe_read" && fd.Read) {
			candidates[fd.Inode] = true
			only = fd
		}
	}
	if t.FD >= 0 || len(candidates) != 1 {
		return nil
	}
	return only
}
