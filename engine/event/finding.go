package event

import "strconv"

// Verdict is what a recipe says of its subject.
type Verdict string

// The five words.
const (
	Fault   Verdict = "fault"    // this is it
	Warn    Verdict = "warn"     // suspicious, not proven
	RuleOut Verdict = "rule_out" // it is not this
	Unknown Verdict = "unknown"  // could not look
	Note    Verdict = "note"     // worth knowing
)

// Finding is one verdict with its proof.
type Finding struct {
	Verdict  Verdict   `json:"verdict"`
	Rule     string    `json:"rule"` // "wedged-actor/stopped-consuming", stable for machines
	Title    string    `json:"title"`
	About    *Subject  `json:"about"`
	Victims  []Subject `json:"victims"`
	Members  []Subject `json:"members"` // of a cycle, or of a group that shares the verdict
	Means    string    `json:"means,omitempty"`
	Do       string    `json:"do,omitempty"`
	Because  string    `json:"because,omitempty"` // which reading made it so, and what would refute it
	Evidence []Fields  `json:"evidence"`
	Pos      string    `json:"pos"`               // "wedged-actor.star:70:22"
	Reasons  []Reason  `json:"reasons,omitempty"` // what the lines saw that led here, in their order; only when asked for
}

// Reason is one condition of a recipe that held, or one value that it returned.
type Reason struct {
	Depth  int    `json:"depth"` // 0, or how many of the reasons before it this one belongs to
	Pos    string `json:"pos"`   // "lib/states.star:78:8"
	In     string `json:"in"`    // the function
	Text   string `json:"text"`  // "if c.recv_q > 0 and not waits_for(pair, c)"
	Values []Seen `json:"values,omitempty"`
}

// Seen is what a part of a condition was.
type Seen struct {
	What  string `json:"what,omitempty"` // "c.recv_q"; "" = the whole of it
	Value string `json:"value"`
	Of    string `json:"of,omitempty"` // the comprehension that made What
}

// Subject is what a finding is about: one thing of one type.
type Subject struct {
	Type string `json:"type"` // process, path, address, test, source, run

	// process
	PID       int      `json:"pid,omitempty"`
	StartTime string   `json:"start_time,omitempty"` // RFC 3339; with pid it names the process for ever
	Name      string   `json:"name,omitempty"`
	Cmdline   []string `json:"cmdline,omitempty"`

	Path    string `json:"path,omitempty"`    // path, source
	Line    int    `json:"line,omitempty"`    // source
	Column  int    `json:"column,omitempty"`  // source
	Address string `json:"address,omitempty"` // address
	ID      string `json:"id,omitempty"`      // test, run
}

// Key names the subject within a run, the same for equal subjects.
func (s Subject) Key() string {
	switch s.Type {
	case "process":
		return "process:" + itoa(s.PID) + "@" + s.StartTime
	case "path":
		return "path:" + s.Path
	case "source":
		return "source:" + s.Path + ":" + itoa(s.Line) + ":" + itoa(s.Column)
	case "address":
		return "address:" + s.Address
	default:
		return s.Type + ":" + s.ID
	}
}

// Label is the subject as a person calls it: "beta (pid 24377)".
func (s Subject) Label() string {
	switch s.Type {
	case "process":
		if s.Name == "" {
			return "pid " + itoa(s.PID)
		}
		return s.Name + " (pid " + itoa(s.PID) + ")"
	case "path", "source":
		if s.Line > 0 {
			return s.Path + ":" + itoa(s.Line)
		}
		return s.Path
	case "address":
		return s.Address
	default:
		return s.ID
	}
}

func itoa(n int) string { return strconv.Itoa(n) }

// View is something to draw: a tree, a graph or a table.
type View struct {
	Kind    string   `json:"kind"` // tree, graph, table
	Title   string   `json:"title"`
	Columns []string `json:"columns,omitempty"` // heads of Node.Cells; tree and table
	Nodes   []Node   `json:"nodes"`
	Edges   []Edge   `json:"edges,omitempty"` // graph
}

// Node is a line of a tree or table, or a corner of a graph.
type Node struct {
	ID      string   `json:"id"`               // Subject.Key() where there is a subject
	Parent  string   `json:"parent,omitempty"` // ID of the node above; tree
	Label   string   `json:"label"`
	Cells   []string `json:"cells,omitempty"`
	Subject *Subject `json:"subject,omitempty"`
}

// Edge says that From waits for To.
type Edge struct {
	From      string `json:"from"` // Node.ID
	To        string `json:"to"`
	Kind      string `json:"kind"`  // unread, send, recv, waitpid, pipe, lock, accept …
	Label     string `json:"label"` // "45,815 bytes unread on fd 8, unchanged over 1.0s"
	Certain   bool   `json:"certain"`
	Unchanged bool   `json:"unchanged"`
}

// Coverage says how one read of one process went.
type Coverage struct {
	Probe  string `json:"probe"` // wchan, syscall, ss, epoll, ps …
	PID    int    `json:"pid,omitempty"`
	Status string `json:"status"` // read, denied, absent, timeout, uncaptured
	Detail string `json:"detail,omitempty"`
	Remedy string `json:"remedy,omitempty"` // can be typed, or says whom to ask
}
