package probe

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
)

// Epoll returns the interest sets of all epoll instances among fds: which
// descriptors the process's event loops watch, and for what.
//
// A descriptor that was closed while a copy of it stays open elsewhere keeps
// its entry, and its number may be in use for another file since: compare
// Inode where that matters. An epoll instance may be watched by another one.
//
// Source: /proc/PID/fdinfo/FD, readable for our own processes without attach.
// Errors: fs.ErrPermission, fs.ErrNotExist when the process is gone; a single
// instance that was closed meanwhile is left out.
func Epoll(ctx context.Context, h Host, pid int, fds []FD) ([]EpollItem, error) {
	items := []EpollItem{}
	for i := range fds {
		if fds[i].Kind != "epoll" {
			continue
		}
		path := fmt.Sprintf("%d/fdinfo/%d", pid, fds[i].Num)
		b, err := h.ReadFile(ctx, path, nil)
		if Gone(err) {
			if _, err := h.ReadDir(ctx, fmt.Sprintf("%d/fd", pid)); err == nil {
				continue
			}
		}
		var found []EpollItem
		if err == nil {
			found, err = ParseEpoll(b)
		}
		if err != nil {
			err = fmt.Errorf("epoll %d of %d: %w", fds[i].Num, pid, err)
			Cover(ctx, "epoll", pid, err, Remedy(ctx, h, -1))
			return nil, err
		}
		for _, item := range found {
			item.EpollFD = fds[i].Num
			items = append(items, item)
		}
	}
	Cover(ctx, "epoll", pid, nil, "")
	return items, nil
}

// ParseEpoll parses the fdinfo of an epoll instance, of which the lines that
// begin with "tfd:" are its entries:
//
//	tfd:        8 events: 40000019 data:     7f00000008  pos:0 ino:3039 sdev:9
//
// events, ino and sdev are hexadecimal; kernels before 4.13 have no ino.
func ParseEpoll(b []byte) ([]EpollItem, error) {
	items := []EpollItem{}
	for line := range bytes.Lines(b) {
		rest, ok := bytes.CutPrefix(line, []byte("tfd:"))
		if !ok {
			continue
		}
		item, err := parseEpollItem(rest)
		if err != nil {
			return nil, fmt.Errorf("fdinfo line %.120q: %w", bytes.TrimSpace(line), err)
		}
		items = append(items, item)
	}
	return items, nil
}

func parseEpollItem(rest []byte) (EpollItem, error) {
	var item EpollItem
	words := bytes.Fields(rest)
	if len(words) < 3 || string(words[1]) != "events:" {
		return item, fmt.Errorf("no events")
	}
	fd, err := strconv.ParseUint(string(words[0]), 10, 31)
	if err != nil {
		return item, err
	}
	events, err := strconv.ParseUint(string(words[2]), 16, 32)
	if err != nil {
		return item, err
	}
	item.FD, item.Events = int(fd), uint32(events)
	for _, word := range words[3:] {
		if text, ok := bytes.CutPrefix(word, []byte("ino:")); ok {
			if item.Inode, err = strconv.ParseUint(string(text), 16, 64); err != nil {
				return item, err
			}
		}
	}
	return item, nil
}
