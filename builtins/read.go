package builtins

import (
	"errors"
	"fmt"
	"io/fs"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/engine"
)

func (w *world) read() engine.Builtin {
	return engine.Builtin{
		Name: "read",
		Doc: "The text of a file that the user named in a parameter, such as a list of known failures.\n\n" +
			"Of other files it reads none: a recipe has no business in them.",
		Params:  []engine.Arg{{Name: "path", Type: "string", Doc: "As the user gave it, in a parameter of kind path, list or rest; \"-\" is standard input."}},
		Returns: "string",
		Errors:  "the user did not name it; it cannot be read, is no text, or larger than 1 MiB",
		Example: `json.decode(read(path))`,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var path string
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "path", &path); err != nil {
				return nil, err
			}
			content, err := readNamed(call, path)
			if err != nil {
				return nil, err
			}
			return text(content), nil
		},
	}
}

// readNamed returns the text of a file that the user named in a parameter.
func readNamed(call *engine.Call, path string) (string, error) {
	switch call.Named(path) {
	case engine.KindPath, engine.KindList, engine.KindRest:
	default:
		return "", fmt.Errorf("%s %s: only a file that the user named in a parameter of kind path, list or rest", call.Name, path)
	}
	content, err := probe.ReadText(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%s: no such file or directory", path)
	}
	if err != nil {
		return "", engine.Misused(err.Error())
	}
	return content, nil
}
