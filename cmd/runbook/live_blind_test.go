//go:build linux

package main

// blind are scenarios whose truth was written down by somebody who had read
// neither the recipes nor the probes, and before the program was ever run on them.
var blind = []scenario{
	// A script started a service, which inherited the script's stdout: it never
	// ends. The service is outside the tree, for its parent is gone.
	{name: "blind: a service keeps the script's stdout", tree: two(),
		steps:  "alpha check-output service\nroot send alpha 500",
		until:  "alpha pipe_read unread\nservice sleep\nscript zombie",
		guilty: guilty{who: "service", rule: "pipe-blocked"}, victims: "alpha,root"},
	// The kernel knows no owner of a POSIX semaphore; that a sibling is dead and
	// unreaped is the one clue, and both facts are to be named.
	{name: "blind: the holder of a multiprocessing lock was killed", tree: two(),
		steps:  "beta hold-shared-lock L\nkeeper kill beta\nalpha shared-lock L\nroot send alpha 500",
		until:  "beta zombie\nalpha futex unread",
		guilty: guilty{who: "alpha", rule: "sync-blocked|blocked-on-lock"},
		also:   guilty{who: "beta|root", rule: "zombie-unreaped", verdict: "fault|warn"}, victims: "root", maybe: "root"},
	// alpha waits for worker's end; worker waits for its feeder thread, which
	// writes into a pipe that alpha should read.
	{name: "blind: a worker is joined before its queue is read", tree: two(),
		steps:  "alpha join-before-drain worker\nroot send alpha 500",
		until:  "alpha wait unread\nworker futex",
		guilty: guilty{who: "alpha|worker", rule: "deadlock|pipe-blocked|output-pipe-full", members: "alpha,worker"}, victims: "root"},
	// The loop's thread wakes every 5 ms to ask for the interpreter's lock.
	{name: "blind: an extension keeps the interpreter's lock", tree: two(),
		steps:  "alpha extension\nroot send alpha 500",
		until:  "alpha futex unread\nroot epoll",
		guilty: guilty{who: "alpha", rule: "sync-blocked"}, victims: "root"},
	// As when rsyslogd hangs: everybody who logs does.
	{name: "blind: nobody reads the log socket", tree: three(),
		steps:  "gamma log-daemon D\nalpha syslog D\nroot send alpha 500",
		until:  "alpha unix_connect unread\ngamma epoll",
		guilty: guilty{who: "gamma", rule: "blocked-in-send|stopped-consuming"}, victims: "alpha,root"},
	// The loop lives and answers whom it knows; accept fails with EMFILE.
	{name: "blind: out of descriptors", tree: two(),
		steps:  "alpha no-descriptors\nbeta recv alpha",
		until:  "beta inet\nalpha epoll backlog",
		guilty: guilty{who: "alpha", rule: "not-accepting|no-progress", verdict: "fault|warn"}, victims: "beta"},

	// One worker blocks in a pipe and has a lock that the others wait for: that is how a pool idles.
	{name: "blind: a pool between two jobs", tree: two(),
		steps: "alpha pool 3\nroot ask-often alpha 20", until: "alpha epoll"},
	// The main thread is blocked for ever, and nothing is wrong.
	{name: "blind: the loop runs in a second thread", tree: two(),
		steps: "alpha loop-in-thread\nroot ask-often alpha 20", until: "alpha futex"},
}

func init() {
	for _, s := range blind {
		if s.who != "" {
			wedged = append(wedged, s)
		} else {
			healthy = append(healthy, s)
		}
	}
}
