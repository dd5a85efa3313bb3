package world

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"runbook/builtins/probe"
)

// How a descriptor is open (open(2)).
var accessModes = map[string]int{"r": 0, "w": 1, "rw": 2}

func (w *world) descriptor(pid, fd int, rest []string) (*descriptor, error) {
	if len(rest) == 0 {
		return nil, errors.New("what is it? tcp, tcp6, unix, epoll, pipe, file, pidfd, timerfd or link")
	}
	kind, rest := rest[0], rest[1:]
	d := &descriptor{flags: 2, inode: 1}
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
		return d, o.read(map[string]func(string) error{"ino": big(&d.inode)})
	case "pidfd":
		if len(rest) != 1 {
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
	return nil, fmt.Errorf("%q is not tcp, tcp6, unix, epoll, pipe, file, pidfd, timerfd or link", bare(kind))
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
	max := 3
	if family == "unix" {
		max = 2
	}
	if at < 1 || at > max {
		return errors.New("tcp|tcp6|unix STATE LOCAL [REMOTE] [name=value…]")
	}
	s.State = rest[0]
	if at > 1 {
		s.Local = bare(rest[1])
	}
	if at > 2 {
		s.Remote = bare(rest[2])
	}
	if family != "unix" {
		s.LastRecv = time.Second
	}
	if s.State == "LISTEN" {
		s.AcceptQ, s.Backlog = 0, 128
	}
	s.FIN = s.State == "CLOSE-WAIT" || s.State == "LAST-ACK" || s.State == "CLOSING"
	o, err := options(rest[at:])
	if err != nil {
		return err
	}
	err = o.read(map[string]func(string) error{
		"rq": number(&s.RecvQ), "sq": number(&s.SendQ), "fin": flag(&s.FIN), "lastrecv": duration(&s.LastRecv),
		"received": big(&s.Received), "type": text(&s.Type), "ino": big(&s.Inode), "acceptq": number(&s.AcceptQ),
		"backlog": number(&s.Backlog), "peer": text(&d.peer), "remote": text(&s.Remote), "cred": number(&s.PeerCredPID),
		"source": text(&s.Source), "netns": text(&s.NetNS),
	})
	d.socket, d.link = s, fmt.Sprintf("socket:[%d]", s.Inode)
	return err
}

func (d *descriptor) readEpoll(rest []string) error {
	for _, word := range rest {
		a, b, ok := strings.Cut(word, "=")
		fd, errA := strconv.Atoi(a)
		events, errB := strconv.ParseUint(b, 16, 32)
		if !ok || errA != nil || errB != nil {
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
	return o.read(map[string]func(string) error{"fill": fill(&d.pipe.Bytes, &d.pipe.Capacity)})
}
