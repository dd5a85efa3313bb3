//go:build linux

package main

// scenario is a story with a known end: a tree, what happens to it, and who is
// to blame. The words of steps are functions of testdata/live/verbs.py (the
// actor's loop lives on) and stuck.py (it never returns); those of the keeper
// are methods of testdata/live/keeper.py. The states of until are read from
// /proc by testdata/live/look.py, never by the program under test.
type scenario struct {
	name  string
	form  string // argv (default), title, mp_spawn, mp_forkserver
	net   string // tcp (default), unix
	tree  node
	app   string // mode of testdata/live/real/app.py, instead of a tree of stand-ins
	steps string // one a line: WHO VERB WORDS
	until string // one a line: WHO STATES
	world world
	ask   string // whose pids are given with --pid, comma separated; "" the root's
	guilty
	also    guilty // a second culprit
	victims string // exactly these, comma separated
	maybe   string // these may be called victims, too
}

// world is what differs around the tree.
type world struct {
	netns        bool // of its own; root only
	freezer      bool // needs a writable cgroup; root only
	noSubreaper  bool // orphans go to init
	ignoreSigint bool // as under nohup
}

// guilty is one culprit; the zero value says that there is none. Where two
// answers are equally right they stand side by side, as in "alpha|beta".
type guilty struct {
	who     string
	rule    string
	verdict string // "" means fault
	members string // of a ring, comma separated
}

type node struct {
	Name     string `json:"name"`
	Children []node `json:"children,omitempty"`
	Late     bool   `json:"late,omitempty"`    // not started until told
	Style    string `json:"style,omitempty"`   // trio (default) or asyncio
	Stdout   string `json:"stdout,omitempty"`  // "pipe": read, or not, by the parent
	Backlog  int    `json:"backlog,omitempty"` // of the listener
}

func (n node) size() int {
	size := 1
	for _, c := range n.Children {
		size += c.size()
	}
	return size
}

func actor(name string, children ...node) node { return node{Name: name, Children: children} }

func with(n node, change func(*node)) node {
	change(&n)
	return n
}

func late(name string) node { return with(actor(name), func(n *node) { n.Late = true }) }

// two is the smallest tree in which a healthy sibling could be blamed.
func two() node { return actor("root", actor("alpha"), actor("beta")) }

func three() node { return actor("root", actor("alpha"), actor("beta"), actor("gamma")) }

func many(n int) node {
	root := actor("root")
	for i := range n {
		root.Children = append(root.Children, actor("worker "+string(rune('a'+i/26))+string(rune('a'+i%26))))
	}
	return root
}

// odd is a name that breaks tools which split columns or trust quotes.
const odd = `brokerd.kraken "eu", it's (1)] [x@3`

// wedged are the scenarios with a culprit.
var wedged = []scenario{
	// The loop is alive and idle, and nobody reads.
	{name: "deaf", tree: two(),
		steps:  "alpha deaf\nroot send alpha 45815",
		until:  "alpha epoll unread\nroot epoll\nbeta epoll",
		guilty: guilty{who: "alpha", rule: "stopped-consuming"}, victims: "root"},
	{name: "deaf, titled, unix", form: "title", net: "unix", tree: two(),
		steps:  "alpha deaf\nroot send alpha 45815",
		until:  "alpha epoll",
		guilty: guilty{who: "alpha", rule: "stopped-consuming"}, victims: "root"},
	{name: "deaf, titled, tcp", form: "title", tree: actor("root", actor(odd), actor("beta")),
		steps:  quoted(odd) + " deaf\nroot send " + quoted(odd) + " 3000",
		until:  quoted(odd) + " epoll unread",
		guilty: guilty{who: odd, rule: "stopped-consuming"}, victims: "root"},
	{name: "deaf, mp spawn", form: "mp_spawn", tree: two(),
		steps:  "alpha deaf\nroot send alpha 45815",
		until:  "alpha epoll unread",
		guilty: guilty{who: "alpha", rule: "stopped-consuming"}, victims: "root"},
	{name: "deaf, mp forkserver, unix", form: "mp_forkserver", net: "unix", tree: two(),
		steps:  "alpha deaf\nroot send alpha 45815",
		until:  "alpha epoll",
		guilty: guilty{who: "alpha", rule: "stopped-consuming"}, victims: "root"},
	{name: "deaf grandchild", tree: actor("root", actor("alpha", actor("beta")), actor("gamma")),
		steps:  "beta deaf\nalpha send beta 20000",
		until:  "beta epoll unread\nalpha epoll",
		guilty: guilty{who: "beta", rule: "stopped-consuming"}, victims: "alpha"},
	{name: "deaf to a sibling", tree: two(),
		steps:  "beta call alpha\nalpha heard-of beta\nalpha deaf beta\nbeta send alpha 9000",
		until:  "alpha epoll unread\nbeta epoll",
		guilty: guilty{who: "alpha", rule: "stopped-consuming"}, victims: "beta"},
	{name: "deaf parent", tree: two(),
		steps:  "root deaf alpha\nalpha send parent 30000",
		until:  "root epoll unread\nalpha epoll",
		guilty: guilty{who: "root", rule: "stopped-consuming"}, victims: "alpha"},
	{name: "one deaf of forty", tree: many(40),
		steps:  "'worker ah' deaf\nroot send 'worker ah' 45815",
		until:  "'worker ah' epoll unread",
		guilty: guilty{who: "worker ah", rule: "stopped-consuming"}, victims: "root"},
	{name: "deaf in another network", tree: two(), world: world{netns: true},
		steps:  "alpha deaf\nroot send alpha 45815",
		until:  "alpha epoll unread",
		guilty: guilty{who: "alpha", rule: "stopped-consuming"}, victims: "root"},

	{name: "deaf, asyncio style", form: "mp_spawn", tree: actor("root", with(actor("alpha"), func(n *node) { n.Style = "asyncio" }), actor("beta")),
		steps:  "alpha pause-reading\nroot send alpha 45815",
		until:  "alpha epoll unread",
		guilty: guilty{who: "alpha", rule: "stopped-consuming"}, victims: "root"},

	// The queue is full, and the sender is blocked too.
	{name: "backpressure", tree: two(),
		steps:  "alpha deaf\nroot flood alpha",
		until:  "alpha epoll unread\nroot epoll unsent",
		guilty: guilty{who: "alpha", rule: "stopped-consuming"}, victims: "root"},
	{name: "backpressure, unix", net: "unix", form: "title", tree: two(),
		steps:  "alpha deaf\nroot flood alpha",
		until:  "alpha epoll\nroot epoll",
		guilty: guilty{who: "alpha", rule: "stopped-consuming"}, victims: "root"},
	{name: "backpressure, blocking send", tree: two(),
		steps:  "alpha deaf\nroot push alpha",
		until:  "root inet unsent\nalpha epoll unread",
		guilty: guilty{who: "alpha", rule: "stopped-consuming"}, victims: "root"},
	{name: "backpressure, blocking send, unix", net: "unix", tree: two(),
		steps:  "alpha deaf\nroot push alpha",
		until:  "root unix_send\nalpha epoll",
		guilty: guilty{who: "alpha", rule: "stopped-consuming"}, victims: "root"},
	{name: "backpressure to the child", tree: two(),
		steps:  "root deaf alpha\nalpha push parent",
		until:  "alpha inet\nroot epoll unread",
		guilty: guilty{who: "root", rule: "stopped-consuming"}, victims: "alpha"},

	// The loop's thread is blocked in a call.
	{name: "slept", tree: two(),
		steps:  "alpha sleep\nroot send alpha 45815",
		until:  "alpha sleep unread\nroot epoll",
		guilty: guilty{who: "alpha", rule: "sync-blocked"}, victims: "root"},
	{name: "waits for an event, odd name", tree: actor("root", actor(odd), actor("brokerd.kraken")),
		steps:  quoted(odd) + " event\nroot send " + quoted(odd) + " 500",
		until:  quoted(odd) + " futex unread",
		guilty: guilty{who: odd, rule: "sync-blocked"}, victims: "root"},
	{name: "joins a thread, titled, unix", form: "title", net: "unix", tree: two(),
		steps:  "alpha join\nroot send alpha 500",
		until:  "alpha futex",
		guilty: guilty{who: "alpha", rule: "sync-blocked"}, victims: "root"},
	{name: "blocked and full", tree: two(),
		steps:  "alpha event\nroot flood alpha",
		until:  "alpha futex unread\nroot epoll unsent",
		guilty: guilty{who: "alpha", rule: "sync-blocked"}, victims: "root"},
	{name: "waits for a semaphore", tree: two(),
		steps:  "alpha sem\nroot send alpha 500",
		until:  "alpha sem unread",
		guilty: guilty{who: "alpha", rule: "sync-blocked"}, victims: "root"},
	{name: "waits for an eventfd", form: "mp_spawn", tree: two(),
		steps:  "alpha eventfd\nroot send alpha 500",
		until:  "alpha eventfd unread",
		guilty: guilty{who: "alpha", rule: "sync-blocked"}, victims: "root"},
	{name: "waits in select", tree: two(),
		steps:  "alpha select-forever\nroot send alpha 500",
		until:  "alpha poll unread",
		guilty: guilty{who: "alpha", rule: "sync-blocked"}, victims: "root"},
	{name: "accepts for ever", tree: two(),
		steps:  "alpha accept\nroot send alpha 500",
		until:  "alpha accept unread",
		guilty: guilty{who: "alpha", rule: "sync-blocked"}, victims: "root"},
	{name: "waits for a signal", tree: two(),
		steps:  "alpha sigwait\nroot send alpha 500",
		until:  "alpha sigwait unread",
		guilty: guilty{who: "alpha", rule: "sync-blocked"}, victims: "root"},

	{name: "paused", tree: two(),
		steps:  "alpha pause\nroot send alpha 500",
		until:  "alpha pause unread",
		guilty: guilty{who: "alpha", rule: "sync-blocked"}, victims: "root"},
	{name: "waits for a file to change", tree: two(),
		steps:  "alpha inotify\nroot send alpha 500",
		until:  "alpha inotify unread",
		guilty: guilty{who: "alpha", rule: "sync-blocked"}, victims: "root"},
	{name: "writes to a terminal that nobody reads", tree: two(),
		steps:  "keeper terminal T\nalpha write-terminal T\nroot send alpha 500",
		until:  "alpha tty unread",
		guilty: guilty{who: "alpha", rule: "sync-blocked|output-pipe-full|terminal-full"}, victims: "root"},

	// It waits for somebody: the culprit is at the end of the chain.
	{name: "flock held by an idle actor", tree: three(),
		steps:  "gamma hold-flock L\nalpha flock L\nroot send alpha 500",
		until:  "alpha flock unread\ngamma epoll",
		guilty: guilty{who: "gamma", rule: "blocked-on-lock"}, victims: "alpha,root"},
	{name: "flock held by a blocked actor", tree: three(),
		steps:  "gamma hold-flock L\ngamma sleep\nalpha flock L\nroot send alpha 500",
		until:  "alpha flock unread\ngamma sleep",
		guilty: guilty{who: "gamma", rule: "sync-blocked|blocked-on-lock"}, victims: "alpha,root"},
	{name: "fcntl lock held by a stopped actor", form: "title", tree: three(),
		steps:  "beta hold-fcntl L\nkeeper stop beta\nalpha posix-lock L\nroot send alpha 500",
		until:  "alpha fcntl unread\nbeta stopped",
		guilty: guilty{who: "beta", rule: "stopped"}, victims: "alpha,root"},
	{name: "flock held by a program", tree: two(),
		steps: "beta program locker python3 -c 'import fcntl, os, time; f = open(os.environ[\"RUNBOOK_LIVE\"] + \"/L\", \"w\"); " +
			"fcntl.flock(f, fcntl.LOCK_EX); time.sleep(1e6)'\nkeeper see-lock L\nalpha flock L\nroot send alpha 500",
		until:  "alpha flock unread\nlocker sleep",
		guilty: guilty{who: "locker", rule: "blocked-on-lock|sync-blocked"}, victims: "alpha,root"},
	{name: "flock that a program inherited", tree: two(),
		steps:  "beta leave-flock L nap sleep 100000\nalpha flock L\nroot send alpha 500",
		until:  "alpha flock unread\nnap sleep",
		guilty: guilty{who: "nap", rule: "blocked-on-lock|sync-blocked"}, victims: "alpha,root"},
	{name: "lock of an open file", tree: three(),
		steps:  "gamma hold-ofd L\nalpha ofd-lock L\nroot send alpha 500",
		until:  "alpha fcntl unread\ngamma epoll",
		guilty: guilty{who: "gamma", rule: "blocked-on-lock"}, victims: "alpha,root"},
	{name: "waits for a program", tree: two(),
		steps:  "alpha wait nap sleep 100000\nroot send alpha 500",
		until:  "alpha wait unread\nnap sleep",
		guilty: guilty{who: "nap", rule: "waiting-on-child"}, victims: "alpha,root"},
	{name: "waits for a shell that waits for a program", net: "unix", tree: two(),
		steps:  "alpha wait shell sh -c 'sleep 100000; true'\nkeeper find nap shell\nroot send alpha 500",
		until:  "alpha wait\nshell wait\nnap sleep",
		guilty: guilty{who: "nap", rule: "waiting-on-child"}, victims: "shell,alpha,root"},
	{name: "waits for a stopped program", tree: two(),
		steps:  "alpha program nap sleep 100000\nkeeper stop nap\nalpha wait nap\nroot send alpha 500",
		until:  "alpha wait unread\nnap stopped",
		guilty: guilty{who: "nap", rule: "stopped|waiting-on-child"}, victims: "alpha,root"},
	{name: "waits for a blocked actor to end", tree: actor("root", actor("alpha", actor("beta")), actor("gamma")),
		steps:  "beta event\nalpha wait beta\nroot send alpha 500",
		until:  "alpha wait unread\nbeta futex",
		guilty: guilty{who: "beta", rule: "sync-blocked|waiting-on-child"}, victims: "alpha,root"},
	{name: "asks an idle actor, which never answers", tree: three(),
		steps:  "alpha recv gamma\nroot send alpha 500",
		until:  "alpha inet unread\ngamma epoll",
		guilty: guilty{who: "gamma", rule: "blocked-in-recv"}, victims: "alpha,root"},
	{name: "asks a deaf actor", net: "unix", tree: three(),
		steps:  "alpha call-plain gamma\ngamma heard-of alpha\ngamma deaf alpha\nalpha send gamma 2000\nalpha recv gamma\nroot send alpha 500",
		until:  "alpha unix_recv\ngamma epoll",
		guilty: guilty{who: "gamma", rule: "stopped-consuming"}, victims: "alpha,root"},
	{name: "polls for an answer", tree: three(),
		// What it polls is in its memory; that it stands still is plain.
		steps:  "alpha poll gamma\nroot send alpha 500",
		until:  "alpha poll unread\ngamma epoll",
		guilty: guilty{who: "alpha|gamma", rule: "sync-blocked|blocked-in-recv"}, victims: "root", maybe: "alpha"},
	{name: "asks a stopped parent", tree: two(),
		steps:  "alpha recv parent\nkeeper stop root",
		until:  "alpha inet\nroot stopped",
		guilty: guilty{who: "root", rule: "stopped"}, victims: "alpha"},
	{name: "asks somebody outside", tree: two(),
		steps:  "keeper serve exchange\nalpha recv-outside exchange\nroot send alpha 500",
		until:  "alpha inet unread",
		guilty: guilty{who: "exchange", rule: "blocked-in-recv"}, victims: "alpha,root"},
	{name: "four deep", tree: actor("root", actor("alpha", actor("beta", actor("gamma"))), actor("delta")),
		steps:  "gamma hold-flock L\nkeeper stop gamma\nalpha call-plain beta\nbeta heard-of alpha\nbeta flock L\nalpha recv beta\nroot send alpha 500",
		until:  "gamma stopped\nbeta flock\nalpha inet unread",
		guilty: guilty{who: "gamma", rule: "stopped"}, victims: "beta,alpha,root"},
	{name: "a lock copied by fork", tree: two(),
		steps:  "alpha forked-lock twin\nroot send alpha 500",
		until:  "twin futex\nalpha wait",
		guilty: guilty{who: "twin", rule: "fork-with-held-lock"}, victims: "alpha,root"},
	{name: "vfork", tree: two(),
		steps:  "alpha vfork F\nkeeper find twin alpha\nroot send alpha 500",
		until:  "alpha disk unread\ntwin fifo_open",
		guilty: guilty{who: "twin", rule: "fifo-open|vfork-wait"}, victims: "alpha,root"},

	// Pipes.
	{name: "output pipe, reader does not read", tree: two(),
		steps: "alpha pipe out\nalpha program-with-pipe pager r out sleep 100000\nalpha stdout-to out\nalpha log-forever\n" +
			"root send alpha 500",
		until:  "alpha pipe_write unread\npager sleep",
		guilty: guilty{who: "pager", rule: "output-pipe-full"}, victims: "alpha,root"},
	{name: "output pipe, both ends its own", tree: two(),
		steps:  "alpha pipe out\nalpha stdout-to out\nalpha log-forever\nroot send alpha 500",
		until:  "alpha pipe_write unread",
		guilty: guilty{who: "alpha", rule: "output-pipe-full"}, victims: "root"},
	{name: "the parent waits and does not read the child's output",
		tree:   actor("root", with(actor("alpha"), func(n *node) { n.Stdout = "pipe" }), actor("beta")),
		steps:  "alpha log-forever\nroot wait alpha",
		until:  "alpha pipe_write\nroot wait",
		guilty: guilty{who: "root|alpha", rule: "deadlock|output-pipe-full", members: "root,alpha"}},
	{name: "pipe to a blocked actor", tree: three(),
		steps:  "alpha pipe P\ngamma take-pipe P r\ngamma sleep\nalpha drop-pipe P r\nalpha write-pipe P\nroot send alpha 500",
		until:  "alpha pipe_write unread\ngamma sleep",
		guilty: guilty{who: "gamma", rule: "sync-blocked|pipe-blocked"}, victims: "alpha,root"},
	{name: "pipe from an idle actor", form: "title", tree: three(),
		steps:  "alpha pipe P\nbeta take-pipe P w\nalpha drop-pipe P w\nalpha read-pipe P\nroot send alpha 500",
		until:  "alpha pipe_read unread\nbeta epoll",
		guilty: guilty{who: "beta", rule: "pipe-blocked"}, victims: "alpha,root"},
	{name: "pipe, both ends its own", tree: two(),
		steps:  "alpha pipe P\nalpha read-pipe P\nroot send alpha 500",
		until:  "alpha pipe_read unread",
		guilty: guilty{who: "alpha", rule: "pipe-blocked"}, victims: "root"},
	{name: "fifo without a partner", tree: two(),
		steps:  "alpha fifo F\nroot send alpha 500",
		until:  "alpha fifo_open unread",
		guilty: guilty{who: "alpha", rule: "fifo-open"}, victims: "root"},

	// Connections that nobody takes.
	{name: "does not accept", tree: two(),
		steps:  "alpha deaf-listener\nbeta recv alpha",
		until:  "beta inet\nalpha epoll backlog",
		guilty: guilty{who: "alpha", rule: "not-accepting"}, victims: "beta"},
	{name: "mute registry", tree: actor("root", actor("alpha"), late("gamma")),
		steps:  "root deaf-listener\nroot spawn gamma",
		until:  "root epoll backlog",
		guilty: guilty{who: "root", rule: "not-accepting"}, victims: "gamma"},
	{name: "full backlog, unix", net: "unix",
		tree:   actor("root", actor("alpha"), with(actor("beta"), func(n *node) { n.Backlog = 1 })),
		steps:  "beta deaf-listener\nalpha connect beta\nroot send alpha 500",
		until:  "alpha unix_connect\nbeta epoll",
		guilty: guilty{who: "beta", rule: "not-accepting"}, victims: "alpha,root"},

	// Rings.
	{name: "two wait for each other", tree: two(),
		steps:  "alpha call-plain beta\nbeta heard-of alpha\nbeta recv alpha\nalpha recv beta\nroot send alpha 500",
		until:  "alpha inet unread\nbeta inet",
		guilty: guilty{who: "alpha|beta", rule: "deadlock", members: "alpha,beta"}, victims: "root"},
	{name: "three wait in a ring: lock, pipe, socket", tree: three(),
		steps: "beta hold-flock L\ngamma pipe P\nbeta take-pipe P r\ngamma drop-pipe P r\ngamma call-plain alpha\nalpha heard-of gamma\n" +
			"alpha flock L\nbeta read-pipe P\ngamma recv alpha\nroot send alpha 500",
		until:  "alpha flock unread\nbeta pipe_read\ngamma inet",
		guilty: guilty{who: "alpha|beta|gamma", rule: "deadlock", members: "alpha,beta,gamma"}, victims: "root"},
	{name: "both send and neither reads", net: "unix", tree: two(),
		steps:  "alpha push parent\nroot push alpha",
		until:  "alpha unix_send\nroot unix_send",
		guilty: guilty{who: "root|alpha", rule: "deadlock", members: "root,alpha"}},
	{name: "both flood and neither reads", tree: two(),
		steps:  "alpha deaf\nroot deaf alpha\nalpha flood parent\nroot flood alpha",
		until:  "alpha epoll unsent\nroot epoll unsent",
		guilty: guilty{who: "root|alpha", rule: "deadlock", members: "root,alpha"}},

	// Stopped, spinning, dead.
	{name: "stopped", tree: two(),
		steps:  "keeper stop alpha\nroot send alpha 500",
		until:  "alpha stopped unread",
		guilty: guilty{who: "alpha", rule: "stopped"}, victims: "root"},
	{name: "stopped, nobody waits", form: "title", net: "unix", tree: two(),
		steps:  "keeper stop beta",
		until:  "beta stopped",
		guilty: guilty{who: "beta", rule: "stopped"}},
	{name: "traced", tree: two(),
		steps:  "root send alpha 5\nkeeper trace alpha\nroot send alpha 500",
		until:  "alpha traced unread",
		guilty: guilty{who: "alpha|keeper", rule: "traced"}, victims: "root", maybe: "alpha"},
	{name: "frozen", tree: two(), world: world{freezer: true},
		steps:  "keeper freeze alpha\nroot send alpha 500",
		until:  "alpha unread",
		guilty: guilty{who: "alpha", rule: "frozen|stopped|sync-blocked"}, victims: "root"},
	{name: "spins", tree: two(),
		steps:  "alpha spin\nroot send alpha 500",
		until:  "alpha running unread",
		guilty: guilty{who: "alpha", rule: "cpu-spin", verdict: "warn"}, victims: "root"}, // it may be at work
	{name: "spins, and another stands still for it", tree: two(),
		steps:  "beta call-plain alpha\nalpha heard-of beta\nalpha spin\nbeta send alpha 500\nbeta recv alpha\nroot send beta 500",
		until:  "alpha running unread\nbeta inet unread",
		guilty: guilty{who: "alpha", rule: "cpu-spin"}, victims: "beta,root"},
	{name: "a thread holds the interpreter", tree: two(),
		steps:  "alpha hold-interpreter\nroot send alpha 3000",
		until:  "alpha futex unread",
		guilty: guilty{who: "alpha", rule: "gil-held", verdict: "warn"}, victims: "root"},
	{name: "reads a few bytes and sleeps, again and again", tree: two(),
		steps:  "root feed alpha 300 50\nalpha sip parent",
		until:  "alpha sleep unread",
		guilty: guilty{who: "alpha", rule: "reads-slowly", verdict: "warn"}},
	{name: "works on, and leaves one unread", tree: two(),
		steps:  "root ignore alpha\nalpha send parent 500",
		until:  "root unread",
		guilty: guilty{who: "root", rule: "cpu-spin", verdict: "warn"}, victims: "alpha"},
	{name: "spins on a closed socket", tree: two(),
		steps:  "alpha spin-fd\nroot send alpha 500",
		until:  "alpha running unread",
		guilty: guilty{who: "alpha", rule: "spin-on-closed-fd"}, victims: "root"},
	{name: "wakeup pipe full", tree: two(),
		steps:  "alpha deaf-wakeup",
		until:  "alpha epoll",
		guilty: guilty{who: "alpha", rule: "wakeup-pipe-full"}},
	{name: "died while booting", tree: actor("root", actor("alpha"), late("gamma")),
		steps:  "root spawn gamma die\nkeeper see-die gamma",
		until:  "gamma zombie\nroot epoll",
		guilty: guilty{who: "gamma|root", rule: "boot-death|zombie-unreaped"}, maybe: "root"},
	{name: "ended and is not reaped", form: "title", tree: two(),
		steps:  "beta end\nkeeper see-die beta",
		until:  "beta zombie\nroot epoll",
		guilty: guilty{who: "beta|root", rule: "zombie-unreaped", verdict: "fault|warn"}, maybe: "root"},
	{name: "a program ended and is not reaped", tree: two(),
		steps:  "alpha program short true\nkeeper see-die short",
		until:  "short zombie\nalpha epoll",
		guilty: guilty{who: "short|alpha", rule: "zombie-unreaped", verdict: "fault|warn"}},
	{name: "orphans under a subreaper", tree: two(),
		steps:  "keeper kill root",
		until:  "alpha epoll\nbeta epoll",
		ask:    "alpha,beta",
		guilty: guilty{who: "alpha", rule: "orphan"}, also: guilty{who: "beta", rule: "orphan"}},
	{name: "orphan that keeps a connection to a server", tree: actor("root", actor("alpha")),
		steps:  "keeper serve database\nalpha reach-outside database\nkeeper kill root",
		until:  "alpha epoll",
		ask:    "alpha",
		guilty: guilty{who: "alpha", rule: "orphan"}},
	{name: "orphan under init", form: "title", net: "unix", tree: actor("root", actor("alpha", actor("gamma"))),
		world:  world{noSubreaper: true},
		steps:  "alpha keep-eof\nkeeper kill root",
		until:  "alpha epoll",
		ask:    "alpha",
		guilty: guilty{who: "alpha", rule: "orphan"}},
	{name: "end of file consumed, socket kept", tree: two(),
		steps:  "beta call alpha\nalpha heard-of beta\nalpha keep-eof beta\nbeta hang-up alpha",
		until:  "alpha epoll close_wait",
		guilty: guilty{who: "alpha", rule: "close-wait", verdict: "warn"}},

	// Two at once.
	{name: "two culprits", tree: actor("root", actor("alpha"), actor("beta"), actor("gamma", actor("delta"))),
		steps:  "alpha deaf\ngamma sleep\nroot send alpha 4000\nroot send gamma 700",
		until:  "alpha epoll unread\ngamma sleep unread",
		guilty: guilty{who: "alpha", rule: "stopped-consuming"}, also: guilty{who: "gamma", rule: "sync-blocked"}, victims: "root"},
	{name: "a ring and a culprit beside it", tree: actor("root", actor("alpha"), actor("beta"), actor("gamma")),
		steps:  "alpha call-plain beta\nbeta heard-of alpha\nbeta recv alpha\nalpha recv beta\nkeeper stop gamma",
		until:  "alpha inet\nbeta inet\ngamma stopped",
		guilty: guilty{who: "alpha|beta", rule: "deadlock", members: "alpha,beta"}, also: guilty{who: "gamma", rule: "stopped"}},
}

// healthy look like something, and are not.
var healthy = []scenario{
	{name: "idle", tree: three(), until: "alpha epoll\nroot epoll"},
	{name: "idle, titled, unix", form: "title", net: "unix", tree: three(), until: "alpha epoll\nroot epoll"},
	{name: "idle, mp spawn", form: "mp_spawn", tree: two(), until: "alpha epoll"},
	{name: "idle, mp forkserver", form: "mp_forkserver", tree: two(), until: "alpha epoll"},
	{name: "forty idle", tree: many(40)},
	{name: "busy", tree: two(),
		steps: "root ask-often alpha 2\nroot ask-often beta 7\nalpha feed parent 20000 5"},
	{name: "busy, slow reader", tree: two(),
		steps: "alpha slow parent 3\nroot feed alpha 3000 4"},
	{name: "takes a message every few seconds", tree: two(),
		steps: "alpha take-now-and-then parent 3\nroot feed alpha 300 50", until: "alpha epoll unread"},
	{name: "a timerfd wakes it every few seconds", tree: two(),
		steps: "alpha take-by-timerfd parent 3\nroot send alpha 5000", until: "alpha epoll unread"},
	{name: "reads in a handler of SIGALRM", tree: two(),
		steps: "alpha take-by-alarm parent 3\nroot send alpha 5000", until: "alpha epoll unread"},
	{name: "a thread reads now and then", tree: two(),
		steps: "alpha take-in-thread parent 3\nroot send alpha 5000", until: "alpha epoll unread"},
	{name: "a full pair of its own", tree: two(),
		steps: "alpha fill-own-pair", until: "alpha epoll"},
	{name: "busy, unix", form: "title", net: "unix", tree: two(),
		steps: "alpha slow parent 2\nroot feed alpha 1500 3\nbeta ask-often parent 3"},
	{name: "booting", form: "title", tree: actor("root", actor("alpha"), late("gamma")),
		steps: "root spawn gamma slow\nroot churn short"},
	{name: "computing in slices", tree: two(),
		steps: "alpha compute 30\nroot ask-often alpha 50"},
	{name: "computing for longer than the looks", tree: two(),
		steps: "alpha compute 2500\nroot ask-often alpha 50"},
	{name: "a Python program ended and was forgotten", tree: two(),
		steps: "root program short python3 -c pass\nkeeper see-die short", until: "short zombie\nroot epoll"},
	{name: "computing in a thread", tree: two(), steps: "alpha burn-in-thread", until: "alpha epoll"},
	{name: "parked worker threads", form: "title", tree: two(), steps: "alpha park-threads 6\nroot park-threads 1", until: "alpha epoll"},
	{name: "a long job in a thread", tree: two(), steps: "alpha work-in-thread\nroot ask-often alpha 20"},
	{name: "asyncio style", tree: actor("root", with(actor("alpha"), func(n *node) { n.Style = "asyncio" })),
		steps: "root ask-often alpha 10"},
	{name: "half a frame", tree: two(), steps: "root half-frame alpha", until: "alpha epoll"},
	{name: "a person at a pdb prompt", tree: two(), steps: "keeper terminal T\nalpha debugger T"},
	{name: "a person at a pdb prompt, the parent sends", tree: two(),
		steps: "keeper terminal T\nalpha debugger T\nroot send alpha 500", until: "alpha unread"},
	{name: "runs short programs", tree: two(), steps: "alpha run-often 5\nroot ask-often alpha 15"},
	{name: "a lock held, nobody waits", tree: two(), steps: "alpha hold-flock L\nbeta hold-fcntl M"},
	{name: "a lock that changes hands", tree: two(), steps: "alpha touch-lock-often L 3\nbeta touch-lock-often L 3"},
	{name: "a pipe half full", tree: two(), steps: "alpha pipe P\nalpha part-fill-pipe P 30000\nbeta take-pipe P r"},
	{name: "a program beside", tree: two(), steps: "alpha program server sleep 100000", until: "alpha epoll"},
	{name: "talks to somebody outside", tree: two(), steps: "keeper serve exchange\nalpha reach-outside exchange", until: "alpha epoll"},
	{name: "blocks SIGINT, one pending", tree: two(), steps: "alpha block-sigint", until: "alpha epoll"},
	{name: "ignores SIGINT", tree: two(), world: world{ignoreSigint: true}, until: "alpha epoll"},
}
