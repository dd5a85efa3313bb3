package probe

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const epollText = `pos:	0
flags:	02000002
mnt_id:	15
ino:	2083
tfd:        8 events: 40000019 data:     7f6200000008  pos:0 ino:3039 sdev:9
tfd:       10 events: 40000000 data:                a  pos:0 ino:303b sdev:9
tfd:        4 events: 4000001d data:                4
`

func TestEpollReadsTheInterestSet(t *testing.T) {
	got, err := ParseEpoll([]byte(epollText))
	if err != nil {
		t.Fatal(err)
	}
	want := []EpollItem{
		{FD: 8, Events: EPOLLONESHOT | 0x18 | EPOLLIN, Inode: 0x3039},
		{FD: 10, Events: EPOLLONESHOT, Inode: 0x303b}, // registered, and nobody waits
		{FD: 4, Events: EPOLLONESHOT | 0x18 | EPOLLIN | EPOLLOUT},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestEpollRefusesWhatItDoesNotUnderstand(t *testing.T) {
	for _, text := range []string{"tfd: x events: 19", "tfd: 8", "tfd: 8 events: zz", "tfd: 8 events: 19 ino:xyz", "tfd: 8 mask: 19"} {
		if items, err := ParseEpoll([]byte(text)); err == nil {
			t.Errorf("%q gave %+v", text, items)
		}
	}
}

func FuzzParseEpoll(f *testing.F) {
	f.Add([]byte(epollText))
	f.Fuzz(func(t *testing.T, b []byte) {
		items, err := ParseEpoll(b)
		for _, item := range items {
			if err == nil && item.FD < 0 {
				t.Errorf("%+v", item)
			}
		}
	})
}
