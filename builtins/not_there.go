package builtins

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.starlark.net/starlark"

	"runbook/engine"
)

func (w *world) notThere() engine.Builtin {
	return engine.Builtin{
		Name: "not_there",
		Doc:  "Which of some files and directories, as the user named them, are not there, and why: with the name beside them that was probably meant.",
		Params: []engine.Arg{
			{Name: "names", Type: "string, or list of string", Doc: "Paths, relative to where we are."},
		},
		Returns: "list of string; a sentence each; [] all are there",
		Example: `not_there(["tests/a.py"])`,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var names texts
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "names", &names); err != nil {
				return nil, err
			}
			if w.host == nil {
				return nil, &blind{probe: call.Name, err: errNoHost}
			}
			said := []string{}
			for _, name := range names {
				if _, err := os.Stat(name); err != nil {
					said = append(said, whyNotThere(name, err))
				}
			}
			return listOf(said, text), nil
		},
	}
}

// whyNotThere says why a path is none, with what was probably meant.
func whyNotThere(name string, err error) string {
	if !errors.Is(err, fs.ErrNotExist) {
		var refused *fs.PathError
		if errors.As(err, &refused) {
			err = refused.Err
		}
		return fmt.Sprintf("%s: %s", name, err)
	}
	// The first part of the path that is not there is the one that was mistyped.
	dir, rest := "", name
	if filepath.IsAbs(name) {
		dir, rest = "/", strings.TrimLeft(name, "/")
	}
	for {
		part, after, more := strings.Cut(rest, "/")
		if _, err := os.Stat(filepath.Join(dir, part)); err == nil && more {
			dir, rest = filepath.Join(dir, part), after
			continue
		}
		var beside []string
		entries, _ := os.ReadDir(filepath.Join(dir, ".")) // none: nothing is near
		for _, e := range entries {
			beside = append(beside, e.Name())
		}
		near := engine.Nearest(part, beside)
		if near == "" {
			return name + ": no such file or directory"
		}
		if meant := filepath.Join(dir, near, after); meant != name {
			if _, err := os.Stat(meant); err == nil {
				return fmt.Sprintf("%s: no such file or directory (did you mean %s?)", name, meant)
			}
		}
		return fmt.Sprintf("%s: no such file or directory (did you mean %s?)", name, filepath.Join(dir, near))
	}
}
