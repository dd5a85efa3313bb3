package probe

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const bareGuards = `
import contextlib, ctypes, os, socket, subprocess, sys, threading, time

class ConfigError(ValueError): pass

def plain(x, y=1): raise ConfigError("x must not be %r, nor %r" % (x, y))
async def spawn(name):
    __import__("asyncio")
    raise RuntimeError(name + " is datad only")
class K:
    @staticmethod
    def meth(): raise KeyError("k")
@contextlib.asynccontextmanager
async def entered():
    raise OSError("never")
    yield


def fine(): return {"a": 1}
def loopless(): __import__("asyncio").get_running_loop()
def leaves(): sys.exit(3)
def dies(): os._exit(7)
def killed(): os.kill(os.getpid(), 11)
def slow(): time.sleep(1000)
async def aslow(): await __import__("asyncio").sleep(1000)
def deaf(): ctypes.PyDLL(None).sleep(1000)

def popen(): subprocess.Popen(["sleep", "1000"])
def shell(): os.system("sleep 1000")
def forks():
    if os.fork() == 0: time.sleep(1000)
def posix(): os.posix_spawn("/bin/sleep", ["sleep", "1000"], {})
def execs(): os.execv("/bin/sleep", ["sleep", "1000"])
def mp(): __import__("multiprocessing").get_context("spawn").Process(target=print).start()
def mpfork(): __import__("multiprocessing").get_context("fork").Process(target=print).start()
async def asub(): await __import__("asyncio").create_subprocess_exec("sleep", "1000")
def dials(): socket.create_connection(("127.0.0.1", 9))
def binds(): socket.socket().bind(("127.0.0.1", 0))
def bindsunix(): socket.socket(socket.AF_UNIX).bind("")
def inthread():
    t = threading.Thread(target=popen); t.start(); t.join()
def swallows():
    try: subprocess.Popen(["sleep", "1000"])
    except BaseException: pass
    raise ValueError("late")

fork, listen = ctypes.CDLL(None).fork, ctypes.CDLL(None).listen
def sneaks():
    if fork() == 0: time.sleep(1000)
    raise ValueError("sneaky")
def sneaksout():
    pid = fork()
    if pid == 0: os._exit(0)
    os.waitpid(pid, 0)
    raise ValueError("sneaky")
def listens():
    s = socket.socket()
    if listen(s.fileno(), 1): raise OSError("no")
    globals()["kept"] = s
    raise ValueError("sneaky")

def udp(): return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
def sendsto(): udp().sendto(b"x", ("127.0.0.1", 9))
def sendsmsg(): udp().sendmsg([b"x"], [], 0, ("127.0.0.1", 9))
def triesto(): socket.socket().connect_ex(("127.0.0.1", 9))
def looksup(): socket.getaddrinfo("name.invalid", 80)
def looksupold(): socket.gethostbyname(b"name.invalid")
def looksback(): socket.gethostbyaddr("192.0.2.1")
async def asks(): await __import__("asyncio").get_running_loop().getaddrinfo("name.invalid", 80)
async def datagrams(to):
    asyncio = __import__("asyncio")
    await asyncio.get_running_loop().create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=to)
def foreign(): ctypes.CDLL(None).fork()
def foreignto(): ctypes.CDLL(None)["sendto"]
def spawnsp(): os.posix_spawnp("sleep", ["sleep", "1000"], {})
def spawnsv(): os.spawnv(os.P_NOWAIT, "/bin/sleep", ["sleep", "1000"])
def pool(): __import__("concurrent.futures").futures.ProcessPoolExecutor(1).submit(print)
def numeric():
    socket.getaddrinfo("::1", 80); socket.getaddrinfo(None, 80); a, b = socket.socketpair()
    a.sendmsg([b"x"]); b.recv(1); ctypes.CDLL(None).getpid()
    raise ValueError("guard")
`

func TestCallBare(t *testing.T) {
	aPython(t)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"guards.py": bareGuards, "broken.py": "import os\nimport no_such_module_of_ours\n", "syntax.py": "def f(:\n",
		"early.py": "import subprocess\nsubprocess.run(['true'])\ndef f(): raise ValueError('x')\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const late, call = "call child ", "call "
	for _, c := range []struct{ call, runner, want string }{
		{"guards:plain({'a': (1,)}, y=[None])", "auto", "raised sync guards.ConfigError: x must not be {'a': (1,)}, nor [None] at 6"},
		{"guards:spawn('kucoin')", "auto", "raised asyncio RuntimeError: kucoin is datad only at 9"},
		{"guards:K.meth", "auto", "raised sync KeyError: 'k' at 12"},
		{"guards:entered()", "auto", "raised asyncio OSError: never at 15"},
		{"guards:fine()", "auto", "returned sync {'a': 1}"},
		{"guards:spawn('x')", "sync", "returned sync <coroutine object spawn (nobody ran it)"},
		{"guards:loopless", "auto", "raised sync RuntimeError: no running event loop at 20"},
		{"guards:leaves", "auto", "raised sync SystemExit: 3 at 21"},
		{"guards:dies", "auto", "died in call: exit code 7"},
		{"guards:killed", "auto", "died in call: ended by SIGSEGV"},
		{"guards:slow", "auto", "too-long sync at 24"},
		{"guards:aslow", "auto", "too-long asyncio at 25"},
		{"guards:deaf", "auto", "too-long sync"},

		{"guards:popen", "auto", "tripped sync; " + late + "starts sleep 1000 at 28"},
		{"guards:forks", "auto", "tripped sync; " + late + "forks at 31"},
		{"guards:posix", "auto", "tripped sync; " + late + "starts sleep 1000 at 32"},
		{"guards:execs", "auto", "tripped sync; " + late + "becomes sleep 1000 at 33"},
		{"guards:mp", "auto", "tripped sync; " + late + "starts PYTHON at 34"},
		{"guards:asub", "auto", "tripped asyncio; " + late + "starts sleep 1000 at 36"},
		{"guards:dials", "auto", "tripped sync; " + call + "connection connects to 127.0.0.1:9 at 37"},
		{"guards:binds", "auto", "tripped sync; " + call + "listener binds 127.0.0.1:0 at 38"},
		{"guards:inthread", "auto", "tripped sync; " + late + "starts sleep 1000 at 28"},
		{"guards:swallows", "auto", "tripped sync; " + late + "starts sleep 1000 at 43"},

		{"guards:sneaks", "auto", "raised sync ValueError: sneaky at 50; outside child has a child"},
		{"guards:sneaksout", "auto", "raised sync ValueError: sneaky at 55; outside child had a child, which has ended,"},
		{"guards:listens", "auto", "raised sync ValueError: sneaky at 60; outside listener listens at 0.0.0.0:PORT"},

		{"guards:sendsto", "auto", "tripped sync; " + call + "connection sends to 127.0.0.1:9 at 63"},
		{"guards:sendsmsg", "auto", "tripped sync; " + call + "connection sends to 127.0.0.1:9 at 64"},
		{"guards:triesto", "auto", "tripped sync; " + call + "connection connects to 127.0.0.1:9 at 65"},
		{"guards:looksup", "auto", "tripped sync; " + call + "connection looks up name.invalid at 66"},
		{"guards:looksupold", "auto", "tripped sync; " + call + "connection looks up name.invalid at 67"},
		{"guards:looksback", "auto", "tripped sync; " + call + "connection looks up the name of 192.0.2.1 at 68"},
		{"guards:asks", "asyncio", "tripped asyncio; " + call + "connection looks up name.invalid at 69"},
		{"guards:datagrams(('127.0.0.1', 9))", "asyncio", "tripped asyncio; " + call + "connection connects to 127.0.0.1:9 at 72"},
		{"guards:foreign", "auto", "tripped sync; " + late + "asks ctypes for fork at 73"},
		{"guards:foreignto", "auto", "tripped sync; " + call + "connection asks ctypes for sendto at 74"},
		{"guards:spawnsp", "auto", "tripped sync; " + late + "starts sleep 1000 at 75"},
		{"guards:spawnsv", "auto", "tripped sync; " + late + "forks at 76"},
		{"guards:pool", "auto", "tripped sync; " + late},
		{"guards:numeric", "auto", "raised sync ValueError: guard at 81"},
		{"early:f", "auto", "raised sync ValueError: x at 3; import child starts true at 2"},

		{"broken:f", "auto", "import-failed ModuleNotFoundError: No module named 'no_such_module_of_ours' at 2"},
		{"syntax:f", "auto", "import-failed SyntaxError: invalid syntax"},
		{"guards:K.nope", "auto", "no-function: guards.K has no nope"},
		{"no_such.py:f", "auto", "bad-call: no_such.py: no such file"},
		{"guards", "auto", "bad-call: want module:function(arguments)"},
		{"guards:f()()", "auto", "bad-call: f()(): want a name"},
		{"guards:plain(__import__('os').system('touch pwned'))", "auto", "bad-call: __import__('os').system('touch pwned') is no literal"},
		{"guards:plain(*[1])", "auto", "bad-call: * and ** are not taken"},
	} {
		t.Run(c.call+" "+c.runner, func(t *testing.T) {
			t.Parallel()
			b, err := CallBare(context.Background(), live(t, LiveOptions{}), BareRun{Call: c.call, Runner: c.runner, Limit: time.Second, Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			if got := bareText(b); !strings.HasPrefix(got, c.want) || b.Blind != "" {
				t.Errorf("got %s %s, want %s\n%s", got, b.Blind, c.want, b.Output)
			}
			_, pwned := os.Stat(filepath.Join(dir, "pwned"))
			if pwned == nil {
				t.Error("an argument was evaluated")
			}
		})
	}
}

// bareText is all that matters in a line; of a place the line alone.
func bareText(b Bare) string {
	line := func(where string) string {
		if where == "" {
			return ""
		}
		return " at " + where[strings.LastIndexByte(where, ':')+1:]
	}
	text := b.Outcome
	if b.Phase != "" {
		text += " in " + b.Phase
	}
	if b.Runner != "" {
		text += " " + b.Runner
	}
	switch e := b.Exception; {
	case e.Type != "":
		text += " " + e.Type + ": " + e.Text
	case b.Outcome != "hang" && e.Text != "":
		text += ": " + e.Text
	}
	text += line(b.Exception.Where)
	if b.Value != "" {
		text += " " + b.Value
		if at := strings.Index(text, " at 0x"); at >= 0 && b.Async {
			text = text[:at] + " (nobody ran it)"
		}
	}
	for _, w := range b.Tripped {
		said := w.Text
		if strings.Contains(said, "python") && w.Phase == "call" {
			said = "starts PYTHON"
		}
		if at := strings.Index(said, "0.0.0.0:"); at >= 0 {
			said = said[:at] + "0.0.0.0:PORT"
		}
		text += fmt.Sprintf("; %s %s %s%s", w.Phase, w.Kind, said, line(w.Where))
	}
	return text
}
