package pysource

import "strings"

// What ends a block, by the last part of its name. Those of the first row are
// nobody else's; the others are what they seem only in one of these modules.
var (
	unmistakable = words("move_on_after move_on_at fail_after fail_at CancelScope open_cancel_scope")
	common       = words("timeout timeout_at wait_for timeout_after ignore_after")
	timeouts     = words("asyncio async_timeout anyio trio curio trio_asyncio")

	// nurseries and tasks: who runs a call that is handed over.
	spawns  = words("start_soon start create_task spawn start_task run_task")
	waits   = words("gather wait wait_for shield ensure_future create_task as_completed")
	borrows = words("acquire checkout borrow lease get_connection get_conn get_client")
	makes   = []string{"open", "connect", "create", "dial", "make", "new", "accept", "start", "serve", "socket", "spawn"}

	sends = words("send send_nowait send_json send_str send_text send_bytes send_string send_pyobj send_multipart send_message send_msg send_all sendall send_request " +
		"sendto put put_nowait write writelines write_message publish emit")
	receives = words("receive receive_nowait receive_some receive_exactly receive_json receive_str receive_text receive_bytes receive_msg receive_message " +
		"recv recv_json recv_string recv_pyobj recv_multipart recv_bytes recv_msg recv_message recv_response recvfrom get get_nowait get_message " +
		"read read_message read_msg readline readexactly readuntil next_message __anext__ anext")
	closings  = words("close aclose reset reconnect reopen disconnect abort aclose_forcefully kill cancel restart terminate drain_stale")
	tellsTime = words("cancelled_caught cancel_called cancel_caught timed_out expired TimeoutError TooSlowError Cancelled CancelledError timeout")
)

func words(s string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(s) {
		m[w] = true
	}
	return m
}

// scope is a block that may be cancelled.
type scope struct {
	node    *Node // of the call
	kind    string
	written string
	named   string // as …
	fn      *function
	shields bool // nothing outside of it cancels what is in it
}

// scopeOf reads a call that may make a scope; nil when it does not.
func (f *function) scopeOf(call *Node) *scope {
	if call == nil || call.Kind != Call || len(call.Kids) == 0 {
		return nil
	}
	written := chain(call.Kids[0])
	kind, ok := f.scopeKind(written)
	if !ok {
		return nil
	}
	s := &scope{node: call, kind: kind, written: written, fn: f}
	for _, k := range call.Kids[1:] {
		if k.Kind == Kw && k.Text == "shield" && chain(first(k)) == "True" {
			s.shields = true
		}
	}
	return s
}

// scopeKind is the name by which everybody knows what is written here.
func (f *function) scopeKind(written string) (string, bool) {
	if written == "" {
		return "", false
	}
	whole := f.module.meant(written)
	if !strings.ContainsAny(written, ".(") {
		// limit = trio.move_on_after, or functools.partial of it.
		if v := f.module.top.bound(written); v != nil {
			if v.Kind == Call && last(chain(v.Kids[0])) == "partial" && len(v.Kids) > 1 {
				v = v.Kids[1]
			}
			if c := chain(v); c != "" && c != written {
				whole = f.module.meant(c)
			}
		}
	}
	kind := last(whole)
	switch {
	case strings.ContainsAny(whole, "()[]"):
		return "", false
	case unmistakable[kind]:
		return kind, true
	case !common[kind]:
		return "", false
	case timeouts[root(strings.TrimLeft(whole, "."))]:
		return kind, true
	}
	if whole == kind && f.module.funcs[kind] == nil {
		for _, s := range f.module.stars {
			if timeouts[root(s)] {
				return kind, true
			}
		}
	}
	return "", false
}

// bound is what a name was bound to at the top level of a module, first.
func (f *function) bound(name string) *Node {
	for _, n := range f.body {
		if n.Kind == Assign && len(n.Kids) == 2 && n.Kids[0].Kind == Name && n.Kids[0].Text == name {
			return n.Kids[1]
		}
		if n.Kind == Ann && len(n.Kids) == 3 && n.Kids[0].Text == name {
			return n.Kids[2]
		}
	}
	return nil
}
