package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/peterh/liner"
)

const maxHistory = 1000 // lines that are remembered from one session to the next

// pastLines is what was typed at the prompt, in the state directory: 0600, since
// people type what they look for. Each line is written when it is typed, so
// sessions at the same time all keep theirs.
type pastLines struct {
	line *liner.State
	file *os.File // nil: nothing is kept
}

// openHistory gives line what was typed before. That it cannot be kept is one
// line on err, and no reason not to begin.
func openHistory(line *liner.State, err io.Writer) *pastLines {
	h := &pastLines{line: line}
	if e := h.open(); e != nil {
		fmt.Fprintf(err, "runbook: what you type is not remembered: %v\n", e)
	}
	return h
}

func (h *pastLines) open() error {
	dir, err := stateDir()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	name := filepath.Join(dir, "repl_history")
	if err := h.recall(name); err != nil {
		return err
	}
	h.file, err = os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	return err
}

// recall reads the last lines, and drops the others when they are many.
func (h *pastLines) recall(name string) error {
	data, err := os.ReadFile(name)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	var lines []string
	for s := bufio.NewScanner(bytes.NewReader(data)); s.Scan(); {
		lines = append(lines, s.Text())
	}
	if len(lines) > 2*maxHistory {
		lines = lines[len(lines)-maxHistory:]
		if err := replaceFile(name, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			return err
		}
	}
	for _, l := range lines {
		h.line.AppendHistory(l)
	}
	return nil
}

// add remembers a line; keep: beyond this session, too.
func (h *pastLines) add(text string, keep bool) {
	if strings.TrimSpace(text) == "" {
		return
	}
	h.line.AppendHistory(text)
	if h.file != nil && keep {
		_, _ = h.file.WriteString(text + "\n")
	}
}
