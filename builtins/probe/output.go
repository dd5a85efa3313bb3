package probe

import (
	"io"
	"os"
	"sync"
	"time"
)

const defaultOutput = 1 << 20

// output collects what a program prints, up to a limit. It goes on reading
// beyond that: a program that nobody reads from any more would block, and be
// taken for one that hangs.
type output struct {
	r    *os.File
	done chan struct{}

	mu   sync.Mutex
	kept []byte
	max  int
	tail bool // keep the end
	cut  bool
}

// newOutput returns the end of the pipe to hand to the program.
func newOutput(limit int, tail bool) (*output, *os.File, error) {
	if limit <= 0 {
		limit = defaultOutput
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	o := &output{r: r, max: limit, tail: tail, done: make(chan struct{})}
	go func() {
		defer close(o.done)
		_, _ = io.Copy(o, r)
	}()
	return o, w, nil
}

// Write keeps what there is room for.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.tail {
		o.keepEnd(p)
		return len(p), nil
	}
	n := min(len(p), o.max-len(o.kept))
	o.kept = append(o.kept, p[:n]...)
	o.cut = o.cut || n < len(p)
	return len(p), nil
}

// keepEnd moves what is kept only now and then, not for every line.
func (o *output) keepEnd(p []byte) {
	o.kept = append(o.kept, p...)
	if len(o.kept) > 2*o.max {
		o.kept = append(o.kept[:0], o.kept[len(o.kept)-o.max:]...)
		o.cut = true
	}
}

// close returns what was printed. The last writer has ended, as a rule, and
// the pipe with it; what someone still holds open is waited for a moment only.
func (o *output) close() ([]byte, bool) {
	_ = o.r.SetReadDeadline(time.Now().Add(time.Second))
	<-o.done
	o.r.Close()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.tail && len(o.kept) > o.max {
		o.kept, o.cut = o.kept[len(o.kept)-o.max:], true
	}
	return o.kept, o.cut
}
