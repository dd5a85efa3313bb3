package world

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"runbook/builtins/probe"
)

// How a descriptor is open (open(2)).
var accessModes = map[string]int{"r": 0, "w": 1, "rw": 2}

// What a descriptor may be.
var kinds = []string{"tcp", "tcp6", "unix", "epoll", "pipe", "file", "pidfd", "timerfd", "link"}

func (w *world) descriptor(pid, fd int, rest []string) (*descriptor, error) {
	if len(rest) == 0 {
		return nil, errors.New("what is it? " + strings.Join(kinds, ", "))
	}
	kind, rest := rest[0], rest[1:]
	d := &descriptor{place: w.at, flags: 2, inode: 1}
	switch kind {
	case "tcp", "tcp6", "unix":
		return d, d.readSocket(pid, fd, kind, rest)
	case "epoll":
		d.link = "anon_inode:[eventpoll]"
		return d, d.readEpoll(rest)
	case "pipe":
		return d, d.readPipe(rest)
	case "file":
		mode, ok := 0, len(rest) >= 2
		if ok {
			mode, ok = accessModes[rest[1]]
		}
		if !ok {
			return nil, errors.New("file PATH r|w|rw [ino=N]")
		}
		d.link, d.flags = bare(rest[0]), mode
		o, err := options(rest[2:])
		if err != nil {
			return nil, err
		}
		return d, o.read(map[string]setter{"ino": inode(&d.inode)}, nil)
	case "pidfd":
		var of int
		if len(rest) != 1 || whole(&of, 1)(rest[0]) != nil {
			return nil, errors.New("pidfd PID")
		}
		d.link = "anon_inode:[pidfd]"
		d.info = fmt.Sprintf("Pid:\t%s\nNSpid:\t%s\n", rest[0], rest[0])
		return d, nil
	case "timerfd":
		var left time.Duration
		if len(rest) != 1 || duration(&left)(rest[0]) != nil {
			return nil, errors.New("timerfd DURATION, until it expires; 0s where it is not armed")
		}
		d.link = "anon_inode:[timerfd]"
		d.info = fmt.Sprintf("clockid: 1\nticks: 0\nsettime flags: 00\nit_value: (%d, %d)\nit_interval: (0, 0)\n", left/time.Second, left%time.Second)
		return d, nil
	case "link":
		if len(rest) != 1 {
			return nil, errors.New("link TEXT")
		}
		d.link = bare(rest[0])
		return d, nil
	}
	return nil, unknown("kind", kind, kinds)
}

func (d *descriptor) readSocket(pid, fd int, family string, rest []string) error {
	s := &probe.Socket{PID: pid, FD: fd, Family: family, Type: "stream", Inode: uint64(pid)*1000 + uint64(fd),
		AcceptQ: -1, Backlog: -1, LastRecv: -1, PeerFD: -1, Source: "getfd"}
	at := len(rest)
	for i, word := range rest {
		if strings.Contains(word, "=") && !strings.HasPrefix(word, quote) || word == "fin" {
			at = i
			break
		}
	}
	states, most, address := tcpStates, 3, tcpAddress
	if family == "unix" {
		states, most, address = unixStates, 2, text
	}
	if at < 1 || at > most {
		return errors.New("tcp|tcp6|unix STATE LOCAL [REMOTE] [name=value…]")
	}
	if err := oneOf(&s.State, "state", states...)(bare(rest[0])); err != nil {
		return err
	}
	for i, to := range []*string{&s.Local, &s.Remote}[:at-1] {
		if err := address(to)(bare(rest[1+i])); err != nil {
			return err
		}
	}
	if family != "unix" {
		s.LastRecv = time.Second
	}
	if s.Listening() {
		s.AcceptQ, s.Backlog = 0, 128
	}
	s.FIN = s.State == "CLOSE-WAIT" || s.State == "LAST-ACK" || s.State == "CLOSING"
	o, err := options(rest[at:])
	if err != nil {
		return err
	}
	known := map[string]setter{
		"rq": queue(&s.RecvQ), "sq": queue(&s.SendQ), "lastrecv": duration(&s.LastRecv),
		"received": inode(&s.Received), "type": oneOf(&s.Type, "type", "stream", "dgram", "seqpacket"), "ino": inode(&s.Inode),
		"peer": peer(&d.peer), "remote": address(&s.Remote), "cred": whole(&s.PeerCredPID, 0),
		"source": oneOf(&s.Source, "source", "getfd", "sock_diag", "proc"), "netns": text(&s.NetNS),
	}
	if s.Listening() {
		known["acceptq"], known["backlog"] = whole(&s.AcceptQ, 0), whole(&s.Backlog, 0)
	}
	if err := o.read(known, map[string]*bool{"fin": &s.FIN}); err != nil {
		return err
	}
	d.socket, d.link = s, fmt.Sprintf("socket:[%d]", s.Inode)
	return nil
}

// States of a socket, in the words of ss(8).
var (
	tcpStates  = []string{"ESTAB", "SYN-SENT", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "UNCONN", "CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING"}
	unixStates = []string{"ESTAB", "LISTEN", "UNCONN"}
)

// tcpAddress takes 127.0.0.1:5000, [::1]:5000 or, for any, *:5000.
func tcpAddress(to *string) setter {
	return func(s string) error {
		if _, err := netip.ParseAddrPort(strings.Replace(s, "*:", "0.0.0.0:", 1)); err != nil {
			return fmt.Errorf("%q is no address, as 127.0.0.1:5000 or [::1]:5000 are", s)
		}
		*to = s
		return nil
	}
}

// queue takes a number of bytes; "unknown" where nobody could read it.
func queue(to *int) setter {
	return func(s string) error {
		if s == "unknown" {
			*to = -1
			return nil
		}
		return whole(to, 0)(s)
	}
}

func peer(to *string) setter {
	return func(s string) error {
		if _, _, ok := pair(s, ":"); !ok {
			return fmt.Errorf("%q is not PID:FD", s)
		}
		*to = s
		return nil
	}
}

func (d *descriptor) readEpoll(rest []string) error {
	for _, word := range rest {
		a, b, ok := strings.Cut(word, "=")
		fd, errA := strconv.Atoi(a)
		events, errB := strconv.ParseUint(b, 16, 32)
		if !ok || errA != nil || errB != nil || fd < 0 {
			return fmt.Errorf("epoll: %q is not FD=EVENTS, in hexadecimal", bare(word))
		}
		d.epoll = append(d.epoll, watch{fd, events})
	}
	return nil
}

func (d *descriptor) readPipe(rest []string) error {
	if len(rest) < 2 {
		return errors.New("pipe INODE r|w [fill=BYTES/CAPACITY]")
	}
	inode, err := strconv.ParseUint(rest[0], 10, 64)
	mode, ok := accessModes[rest[1]]
	if err != nil || !ok {
		return errors.New("pipe INODE r|w [fill=BYTES/CAPACITY]")
	}
	d.link, d.flags = fmt.Sprintf("pipe:[%d]", inode), mode
	d.pipe = &probe.PipeFill{Capacity: 65536}
	o, err := options(rest[2:])
	if err != nil {
		return err
	}
	return o.read(map[string]setter{"fill": func(s string) error { return fill(d.pipe, s) }}, nil)
}

// fill takes "BYTES/CAPACITY".
func fill(p *probe.PipeFill, s string) error {
	if err := two(&p.Bytes, &p.Capacity)(s); err != nil {
		return err
	}
	if p.Bytes > p.Capacity {
		return fmt.Errorf("%d bytes do not fit into %d", p.Bytes, p.Capacity)
	}
	return nil
}
