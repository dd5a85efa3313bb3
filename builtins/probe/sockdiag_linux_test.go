package probe

import (
	"encoding/binary"
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// datagram puts payloads into netlink messages.
func datagram(kind uint16, payloads ...[]byte) []byte {
	var b []byte
	for _, p := range payloads {
		head := make([]byte, nlHeader)
		binary.NativeEndian.PutUint32(head, uint32(nlHeader+len(p)))
		binary.NativeEndian.PutUint16(head[4:], kind)
		b = append(append(b, head...), p...)
		for len(b)%4 != 0 {
			b = append(b, 0)
		}
	}
	return b
}

func TestNetlinkErrorsAreErrors(t *testing.T) {
	errno := make([]byte, 4)
	code := -int32(unix.EPERM)
	binary.NativeEndian.PutUint32(errno, uint32(code))
	for _, kind := range []uint16{unix.NLMSG_ERROR, unix.NLMSG_DONE} {
		if _, err := eachNetlink(datagram(kind, errno), nil); !errors.Is(err, unix.EPERM) || !Denied(err) {
			t.Errorf("kind %d: %v", kind, err)
		}
	}
	done, err := eachNetlink(datagram(unix.NLMSG_DONE, make([]byte, 4)), nil)
	if !done || err != nil {
		t.Errorf("the end: %v, %v", done, err)
	}
	cut := datagram(sockDiagByFamily, make([]byte, 80))
	if _, err := eachNetlink(cut[:40], func([]byte) error { return nil }); err == nil {
		t.Error("a message that is cut short is taken for one")
	}
}

// A dump without the bit of ESTABLISHED silently has none of them.
func TestDumpAsksForAllOwnedStates(t *testing.T) {
	for _, state := range []int{1, 2, 4, 5, 7, 8, 9, 10, 11} {
		if ownedTCPState&(1<<state) == 0 {
			t.Errorf("%s is not asked for", tcpState(state))
		}
	}
}

func FuzzSockDiag(f *testing.F) {
	tcp := make([]byte, inetDiagMsgSize+8)
	tcp[0], tcp[1] = unix.AF_INET, tcpListen
	f.Add(datagram(sockDiagByFamily, tcp, tcp))
	local := make([]byte, unixDiagMsgSize)
	local[0], local[1], local[2] = unix.AF_UNIX, 1, 1
	f.Add(datagram(sockDiagByFamily, append(local, 8, 0, unixAttrName, 0, 0, 'a', 'b', 'c')))
	f.Fuzz(func(t *testing.T, b []byte) {
		eachNetlink(b, func(payload []byte) error {
			parseInetDiag(payload)
			parseUnixDiag(payload)
			return nil
		})
		sockaddrText(b)
		mappedFile(b)
		parseSocketName(string(b))
	})
}

func TestSockaddrText(t *testing.T) {
	unixAddr := func(path string) []byte {
		b := binary.NativeEndian.AppendUint16(nil, unix.AF_UNIX)
		return append(b, path...)
	}
	for _, test := range []struct {
		in   []byte
		want string
	}{
		{nil, ""},
		{unixAddr(""), ""},
		{unixAddr("/run/a.sock\x00"), "/run/a.sock"},
		{unixAddr("/run/a.sock\x00rubbish"), "/run/a.sock"},
		{unixAddr("\x00abc\x00d"), "@abc@d"},
		{binary.NativeEndian.AppendUint16(nil, unix.AF_NETLINK), ""},
		{append(binary.NativeEndian.AppendUint16(nil, unix.AF_INET), 0x06, 0x50, 127, 0, 0, 1), "127.0.0.1:1616"},
	} {
		if got := sockaddrText(test.in); got != test.want {
			t.Errorf("%q: %q, want %q", test.in, got, test.want)
		}
	}
}

func TestSocketNames(t *testing.T) {
	for name, want := range map[string]struct {
		owner string
		pid   int
	}{
		"registry@1616.sock": {"registry", 0}, "alpha@4242.sock": {"alpha", 4242}, "a@b@7.sock": {"a@b", 7},
		"plain.sock": {"plain", 0}, "x@y.sock": {"x@y", 0}, "x@-5.sock": {"x@-5", 0}, "@": {"@", 0},
		"no_runtime_root.1a2b3c4d@99.sock": {"no_runtime_root.1a2b3c4d", 99}, "x@99999999999.sock": {"x@99999999999", 0},
	} {
		if owner, pid := parseSocketName(name); owner != want.owner || pid != want.pid {
			t.Errorf("%s: %q, %d", name, owner, pid)
		}
	}
}
