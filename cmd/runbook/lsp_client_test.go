package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// editor is a client of `runbook lsp`, as an editor is one: another process, and
// frames over pipes.
type editor struct {
	t      *testing.T
	cmd    *exec.Cmd
	in     io.WriteCloser
	frames chan map[string]any // closed when the server's stdout ends
	stray  chan string         // what stood there that was no frame
	stderr bytes.Buffer
	next   int
	root   string
	said   map[string][]any // diagnostics, by URI
}

const editorPatience = 60 * time.Second // on a machine that is busy with other tests

// startEditor opens an editor in a directory.
func startEditor(t *testing.T, root string) *editor {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if root, err = filepath.EvalSymlinks(root); err != nil {
		t.Fatal(err)
	}
	e := &editor{t: t, cmd: exec.Command(exe, "lsp", "--stdio"), frames: make(chan map[string]any, 100), stray: make(chan string, 1), root: root, said: map[string][]any{}}
	e.cmd.Args[0] = "runbook" // see TestMain
	home := t.TempDir()
	e.cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CACHE_HOME="+filepath.Join(home, "cache"), "XDG_CONFIG_HOME=", "XDG_STATE_HOME=")
	e.cmd.Dir = home
	e.cmd.Stderr = &e.stderr
	if e.in, err = e.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := e.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := e.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.cmd.Process.Kill(); _ = e.cmd.Wait() })
	go e.read(bufio.NewReader(out))
	return e
}

// read takes the server at its word: nothing but frames may stand in its stdout.
func (e *editor) read(out *bufio.Reader) {
	defer close(e.frames)
	for {
		header, err := textproto.NewReader(out).ReadMIMEHeader()
		if err != nil {
			if err != io.EOF {
				e.stray <- err.Error()
			}
			return
		}
		n, err := strconv.Atoi(header.Get("Content-Length"))
		if err != nil {
			e.stray <- fmt.Sprintf("header %v", header)
			return
		}
		body := make([]byte, n)
		var frame map[string]any
		if _, err := io.ReadFull(out, body); err != nil || json.Unmarshal(body, &frame) != nil {
			e.stray <- fmt.Sprintf("%v: %s", err, body)
			return
		}
		e.frames <- frame
	}
}

func (e *editor) raw(text string) {
	e.t.Helper()
	if _, err := io.WriteString(e.in, text); err != nil {
		e.t.Fatal(err)
	}
}

func (e *editor) send(message map[string]any) {
	e.t.Helper()
	message["jsonrpc"] = "2.0"
	body, err := json.Marshal(message)
	if err != nil {
		e.t.Fatal(err)
	}
	e.raw(fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body))
}

func (e *editor) notify(method string, params any) {
	e.t.Helper()
	e.send(map[string]any{"method": method, "params": params})
}

// frame is the next one; diagnostics are kept on the way.
func (e *editor) frame() map[string]any {
	e.t.Helper()
	select {
	case f, ok := <-e.frames:
		if !ok {
			select {
			case text := <-e.stray:
				e.t.Fatalf("no frame: %s", text)
			default:
			}
			e.t.Fatalf("the server went; stderr: %s", e.stderr.String())
		}
		if f["method"] == "textDocument/publishDiagnostics" {
			p := f["params"].(map[string]any)
			e.said[p["uri"].(string)] = append(e.said[p["uri"].(string)], p)
		}
		return f
	case <-time.After(editorPatience):
		e.t.Fatal("nothing comes")
	}
	return nil
}

// answer is the frame that answers a request.
func (e *editor) answer(id any) map[string]any {
	e.t.Helper()
	for {
		if f := e.frame(); f["method"] == nil && fmt.Sprint(f["id"]) == fmt.Sprint(id) {
			return f
		}
	}
}

// ask sends a request and wants a result.
func (e *editor) ask(method string, params any) any {
	e.t.Helper()
	e.next++
	e.send(map[string]any{"id": e.next, "method": method, "params": params})
	f := e.answer(e.next)
	if f["error"] != nil {
		e.t.Fatalf("%s: %v", method, f["error"])
	}
	return f["result"]
}

// begin introduces the editor, as the process pid.
func (e *editor) begin(pid int) {
	e.t.Helper()
	e.ask("initialize", map[string]any{"processId": pid, "rootUri": "file://" + e.root, "capabilities": map[string]any{}})
	e.notify("initialized", map[string]any{})
}

func (e *editor) uri(name string) string { return "file://" + filepath.Join(e.root, name) }

func (e *editor) open(name, text string) {
	e.t.Helper()
	e.notify("textDocument/didOpen", map[string]any{"textDocument": map[string]any{"uri": e.uri(name), "languageId": "starlark", "version": 1, "text": text}})
}

func (e *editor) change(name string, version int, changes ...map[string]any) {
	e.t.Helper()
	e.notify("textDocument/didChange", map[string]any{"textDocument": map[string]any{"uri": e.uri(name), "version": version}, "contentChanges": changes})
}

// diagnostics are those of a version of a file, once they come.
func (e *editor) diagnostics(name string, version int) []map[string]any {
	e.t.Helper()
	for {
		for _, p := range e.said[e.uri(name)] {
			p := p.(map[string]any)
			if v, ok := p["version"].(float64); ok && int(v) == version {
				var out []map[string]any
				for _, d := range p["diagnostics"].([]any) {
					out = append(out, d.(map[string]any))
				}
				return out
			}
		}
		e.frame()
	}
}

func (e *editor) at(name string, line, character int) map[string]any {
	return map[string]any{"textDocument": map[string]any{"uri": e.uri(name)}, "position": map[string]any{"line": line, "character": character}}
}

// labels are the names of completions.
func labels(result any) string {
	var names []string
	for _, i := range result.(map[string]any)["items"].([]any) {
		names = append(names, i.(map[string]any)["label"].(string))
	}
	return " " + strings.Join(names, " ") + " "
}

// exits waits for the server's end, and returns its exit code.
func (e *editor) exits() int {
	e.t.Helper()
	for {
		select {
		case _, ok := <-e.frames:
			if !ok {
				_ = e.cmd.Wait()
				return e.cmd.ProcessState.ExitCode()
			}
		case <-time.After(editorPatience):
			e.t.Fatal("it does not end")
		}
	}
}
