package probe

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestIdentityOfEveryPopulation(t *testing.T) {
	const uuid = "933937b1-7f3a-4b0e-9a58-2f2f9c7b1d11"
	child := func(rest ...string) []string {
		return append([]string{"/venv/bin/python3.11", "-m", "tractor._child"}, rest...)
	}
	for _, c := range []struct {
		name string
		args []string
		comm string
		want Identity
	}{
		{"argv", child("--uid", "('alpha', '"+uuid+"')", "--parent_addr", "('127.0.0.1', 1616)", "--loglevel", "info"), "python3.11",
			Identity{"argv", "alpha", uuid, "127.0.0.1:1616"}},
		{"a name with a dot, a space and a quote", child("--uid", `("it's brokerd.kraken", 'u')`), "python3.11",
			Identity{"argv", "it's brokerd.kraken", "u", ""}},
		{"a name with both quotes", child("--uid", `('say "it\'s"', 'u')`), "python3.11", Identity{"argv", `say "it's"`, "u", ""}},
		{"escapes in a name", child("--uid", `('a\tb\\c\u00e9\x41\U0001f40d', 'u')`), "python3.11", Identity{"argv", "a\uFFFDb\\c\u00e9A\U0001F40D", "u", ""}},
		{"an escape sequence in a name", child("--uid", `('\x1b[31mred', 'u')`), "python3.11", Identity{"argv", "\uFFFD[31mred", "u", ""}},
		{"a cut literal names nobody", child("--uid", `('alph`), "python3.11", Identity{Population: "argv"}},
		{"flag with =", child("--uid=('a', 'b')"), "python3.11", Identity{"argv", "a", "b", ""}},
		{"options before -m", []string{"python3", "-X", "dev", "-B", "-m", "tractor._child", "--uid", "('a', 'b')"}, "python3", Identity{"argv", "a", "b", ""}},
		{"unix parent", child("--parent_addr", "('/run/user/1000/tractor', 'root@77.sock')"), "python3",
			Identity{Population: "argv", ParentAddr: "/run/user/1000/tractor/root@77.sock"}},
		{"parent with its protocol", child("--parent_addr", "('tcp', ('::1', 1616))"), "python3", Identity{Population: "argv", ParentAddr: "[::1]:1616"}},
		{"the module run as a file", []string{"python3", "/lib/tractor/_child.py", "--uid", "('a', 'b')"}, "python3", Identity{"argv", "a", "b", ""}},

		{"title", []string{"_subactor[alpha@24377]"}, "_subactor[alpha", Identity{Population: "title", Name: "alpha"}},
		{"@ and ] in a title", []string{"_subactor[a@b]c@12]"}, "_subactor[a@b]c", Identity{Population: "title", Name: "a@b]c"}},
		{"a space in a title", []string{"_subactor[waits child@9]"}, "_subactor[waits", Identity{Population: "title", Name: "waits child"}},
		{"a cut title", []string{"_subactor[very-long-na"}, "_subactor[very-", Identity{Population: "title", Name: "very-long-na"}},

		{"zombie", nil, "_subactor[alpha", Identity{Population: "comm", Name: "alpha"}},
		{"zombie with its name's end", nil, "_subactor[beta@", Identity{Population: "comm", Name: "beta"}},
		{"zombie with @ in its name", nil, "_subactor[a@b@1", Identity{Population: "comm", Name: "a@b"}},

		{"spawn", []string{"python3", "-B", "-c", "from multiprocessing.spawn import spawn_main; spawn_main(tracker_fd=5, pipe_handle=7)", "--multiprocessing-fork"}, "python3",
			Identity{Population: "mp"}},
		{"resource tracker", []string{"python3", "-c", "from multiprocessing.resource_tracker import main;main(4)"}, "python3", Identity{Population: "helper"}},
		{"fork server", []string{"python3", "-c", "from multiprocessing.forkserver import main; main(5, 6, ['x'])"}, "python3", Identity{Population: "helper"}},

		{"a shell that starts an actor", []string{"sh", "-c", "python3 -m tractor._child --uid \"('a', 'b')\""}, "sh", Identity{}},
		{"a wrapper", []string{"timeout", "5", "python3", "-m", "tractor._child", "--uid", "('a', 'b')"}, "timeout", Identity{}},
		{"a grep", []string{"grep", "-m", "tractor._child"}, "grep", Identity{Population: "argv"}}, // nothing tells it from an interpreter by any name
		{"another module", []string{"python3", "-m", "pytest", "-m", "tractor._child"}, "python3", Identity{}},
		{"installer that lists python3-pytest", []string{"apt-get", "install", "python3-pytest"}, "apt-get", Identity{}},
		{"nothing at all", nil, "", Identity{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, ParseIdentity(c.args, c.comm)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzParseIdentity(f *testing.F) {
	f.Add("python3\x00-m\x00tractor._child\x00--uid\x00('a', 'b')\x00--parent_addr\x00('127.0.0.1', 1616)", "python3")
	f.Add("_subactor[a@b]c@12]\x00\x00\x00", "_subactor[a")
	f.Add("python3\x00-c\x00from multiprocessing.spawn import x", "python3")
	f.Fuzz(func(t *testing.T, cmdline, comm string) {
		id := ParseIdentity(ParseCmdline([]byte(cmdline)), Clean([]byte(comm)))
		for _, s := range []string{id.Name, id.UUID, id.ParentAddr} {
			if s != Clean([]byte(s)) {
				t.Errorf("%q is not clean", s)
			}
		}
		if id.Name != "" && id.Population == "" {
			t.Error("a name without a population")
		}
	})
}

func TestLiteralRefusesWhatIsNone(t *testing.T) {
	for _, s := range []string{"", "(", "()", "('a'", "('a' 'b')", "'a", `'\x4'`, `'\q'`, "('a', )x", strings.Repeat("(", 9) + "1"} {
		if v, ok := parseLiteral(s); ok {
			t.Errorf("%q gave %+v", s, v)
		}
	}
}
