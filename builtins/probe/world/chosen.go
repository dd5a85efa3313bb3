package world

import (
	"errors"
	"fmt"
	"strings"

	"runbook/builtins/probe"
)

// chosen is a tree that whoever took the capture had chosen, and perhaps why
// it should have ended.
func (w *world) chosen(words []string) error {
	var t probe.CapturedTree
	for _, word := range words {
		if strings.HasPrefix(word, quote) {
			t.Overdue = bare(word)
			continue
		}
		pid, err := w.there(word)
		if err != nil {
			return fmt.Errorf(`chosen PID… ["WHY"]: %w`, err)
		}
		t.PIDs = append(t.PIDs, pid)
	}
	if len(t.PIDs) == 0 {
		return errors.New(`chosen PID… ["WHY"]`)
	}
	w.trees = append(w.trees, t)
	return nil
}

// doing is what a process of the tree that was chosen last said that it was at.
func (w *world) doing(words []string) error {
	if len(words) != 2 || len(w.trees) == 0 {
		return errors.New(`doing PID "TEXT", after chosen`)
	}
	pid, err := w.there(words[0])
	if err != nil {
		return fmt.Errorf("doing: %w", err)
	}
	t := &w.trees[len(w.trees)-1]
	if t.Doing == nil {
		t.Doing = map[int]string{}
	}
	t.Doing[pid] = bare(words[1])
	return nil
}
