package probe

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const netTCPText = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     
   0: 0100007F:0650 00000000:0000 0A 00000000:00000003 00:00000000 00000000  1000        0 4711 1 0000000000000000 100 0 0 10 0                      
   1: 0100007F:0650 0100007F:D431 01 00001000:0000B2F5 01:00000014 00000000  1000        0 4712 2 0000000000000000 20 4 30 10 -1                     
   2: 0100007F:D432 0100007F:0650 08 00000000:00000001 00:00000000 00000000  1000        0 4713 1 0000000000000000 20 4 0 10 -1                      
   3: 0100007F:D433 0100007F:0650 08 00000000:00000000 00:00000000 00000000  1000        0 4714 1 0000000000000000 20 4 0 10 -1                      
   4: 0100007F:0650 0100007F:D432 05 00000000:00000000 00:00000E10 00000000     0        0 0 2 0000000000000000                                      
   5: 0100007F:0650 0100007F:D400 06 00000000:00000000 03:00000E10 00000000     0        0 0 3 0000000000000000                                      
   6: 0100007F:D434 0100007F:0651 02 00000001:00000000 01:00000014 00000000  1000        0 4715 2 0000000000000000 100 0 0 1 -1                       
`

const netTCP6Text = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4720 1 0000000000000000 100 0 0 10 0
   1: 0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF00000100007F:D435 01 00000000:00000005 00:00000000 00000000     0        0 4721 1 0000000000000000 20 4 30 10 -1
   2: B80D0120000000000000000001000000:0050 00000000000000000000000001000000:D436 01 00000000:00000000 00:00000000 00000000     0        0 4722 1 0000000000000000 20 4 30 10 -1
`

func TestNetTCPSaysBytesAndFINApart(t *testing.T) {
	row := func(inode uint64, state, local, remote string, recv, send int) Socket {
		s := newSocket()
		s.Inode, s.Family, s.Type, s.Source, s.State, s.Local, s.Remote, s.RecvQ, s.SendQ = inode, "tcp", "stream", "proc", state, local, remote, recv, send
		return s
	}
	listener := row(4711, "LISTEN", "127.0.0.1:1616", "", 0, 0)
	listener.AcceptQ, listener.Backlog = 3, -1
	eof := row(4713, "CLOSE-WAIT", "127.0.0.1:54322", "127.0.0.1:1616", 0, 0) // 1 in the file: the FIN
	eof.FIN = true
	read := row(4714, "CLOSE-WAIT", "127.0.0.1:54323", "127.0.0.1:1616", 0, 0)
	read.FIN = true
	want := []Socket{
		listener,
		row(4712, "ESTAB", "127.0.0.1:1616", "127.0.0.1:54321", 45813, 4096),
		eof, read,
		row(0, "FIN-WAIT-2", "127.0.0.1:1616", "127.0.0.1:54322", 0, 0),
		row(0, "TIME-WAIT", "127.0.0.1:1616", "127.0.0.1:54272", 0, 0),
		row(4715, "SYN-SENT", "127.0.0.1:54324", "127.0.0.1:1617", 0, 0),
	}
	got, err := ParseNetTCP([]byte(netTCPText))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestNetTCP6ReadsBothKindsOfAddress(t *testing.T) {
	got, err := ParseNetTCP([]byte(netTCP6Text))
	if err != nil {
		t.Fatal(err)
	}
	var text []string
	for _, s := range got {
		text = append(text, s.Family+" "+s.State+" "+s.Local+" "+s.Remote)
	}
	want := []string{
		"tcp6 LISTEN [::]:8080 ",
		"tcp6 ESTAB [::ffff:127.0.0.1]:8080 [::ffff:127.0.0.1]:54325",
		"tcp6 ESTAB [2001:db8::1]:80 [::1]:54326",
	}
	if d := cmp.Diff(want, text); d != "" {
		t.Error(d)
	}
}

func TestNetTCPRefusesWhatIsNotARow(t *testing.T) {
	for _, line := range []string{
		"   0: 0100007F:0650",
		"   0: 0100007F0650 00000000:0000 0A 00000000:00000003 00:00000000 00000000  1000        0 4711 1",
		"   0: 0100007F:0650 00000000:0000 0A 0000000000000003 00:00000000 00000000  1000        0 4711 1",
		"   0: 0100007F:0650 00000000:0000 0A 00000000:00000003 00:00000000 00000000  1000        0 inode 1",
		"   0: 010000:0650 00000000:0000 0A 00000000:00000003 00:00000000 00000000  1000        0 4711 1",
	} {
		if rows, err := ParseNetTCP([]byte("heading\n" + line + "\n")); err == nil {
			t.Errorf("%q gave %+v", line, rows)
		}
	}
}

func TestNetTCPWantsFewOfMany(t *testing.T) {
	text := []byte("heading\n")
	one := strings.Split(netTCPText, "\n")[2]
	for range 5000 {
		text = append(text, one...)
		text = append(text, '\n')
	}
	text = append(text, strings.ReplaceAll(one, " 4712 ", " 99 ")...)
	var got []uint64
	err := eachNetTCP(bytes.NewReader(text), func(inode uint64) bool { return inode == 99 }, func(s Socket) { got = append(got, s.Inode) })
	if err != nil || len(got) != 1 || got[0] != 99 {
		t.Errorf("got %v, %v", got, err)
	}
}

const netUnixText = `Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 11 /run/user/1000/tractor/registry@1616.sock
0000000000000000: 00000003 00000000 00000000 0001 03   12 /run/user/1000/tractor/registry@1616.sock
0000000000000000: 00000003 00000000 00000000 0001 03 13 @a897b
0000000000000000: 00000002 00000000 00000000 0002 01 14
0000000000000000: 00000003 00000000 00000000 0005 03 15
0000000000000000: 00000002 00000000 00010000 0001 01 16 /tmp/a name with blanks
0000000000000000: 00000002 00000000 00010000 0001 01 17 /tmp/two
lines
0000000000000000: 00000002 00000000 00000000 0001 02 0 /run/user/1000/tractor/registry@1616.sock
`

func TestNetUnixReadsNamesWithAnyByte(t *testing.T) {
	got, err := ParseNetUnix([]byte(netUnixText))
	if err != nil {
		t.Fatal(err)
	}
	row := func(inode uint64, kind, state, local string) Socket {
		s := newSocket()
		s.Family, s.Source, s.Inode, s.Type, s.State, s.Local = "unix", "proc", inode, kind, state, local
		if state == "LISTEN" {
			s.RecvQ, s.SendQ, s.AcceptQ, s.Backlog = 0, 0, -1, -1
		}
		return s
	}
	want := []Socket{
		row(11, "stream", "LISTEN", "/run/user/1000/tractor/registry@1616.sock"),
		row(12, "stream", "ESTAB", "/run/user/1000/tractor/registry@1616.sock"),
		row(13, "stream", "ESTAB", "@a897b"),
		row(14, "dgram", "UNCONN", ""),
		row(15, "seqpacket", "ESTAB", ""),
		row(16, "stream", "LISTEN", "/tmp/a name with blanks"),
		row(17, "stream", "LISTEN", "/tmp/two"),
		row(0, "stream", "ESTAB", "/run/user/1000/tractor/registry@1616.sock"),
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func FuzzParseNetTCP(f *testing.F) {
	f.Add([]byte(netTCPText))
	f.Add([]byte(netTCP6Text))
	f.Fuzz(func(t *testing.T, b []byte) {
		rows, err := ParseNetTCP(b)
		if err != nil {
			return
		}
		for _, s := range rows {
			if s.State == "" || s.RecvQ < 0 || s.SendQ < 0 {
				t.Errorf("%+v", s)
			}
		}
	})
}

func FuzzParseNetUnix(f *testing.F) {
	f.Add([]byte(netUnixText))
	f.Fuzz(func(t *testing.T, b []byte) {
		rows, err := ParseNetUnix(b)
		if err != nil {
			return
		}
		for _, s := range rows {
			if strings.ContainsAny(s.Local, "\n\x1b") || s.State == "" {
				t.Errorf("%+v", s)
			}
		}
	})
}
