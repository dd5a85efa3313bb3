package engine

import (
	"errors"
	"fmt"
	"strings"

	"go.starlark.net/starlark"

	"runbook/engine/event"
)

// verdictWord is fault, warn, rule_out, unknown or note, all of one signature:
//
//	fault(rule, title, about = None, victims = [], members = [], evidence = [], means = "", do = "", because = "")
//
// They say something and return None. The position of the finding is the line
// that said it, also when that line stands in a lib file.
func verdictWord(verdict event.Verdict) *starlark.Builtin {
	word := string(verdict)
	return starlark.NewBuiltin(word, func(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		step := running(thread)
		if step == nil {
			return nil, fmt.Errorf("%s: only inside a step", word)
		}
		var rule, title, means, do, because string
		var about, victims, members, evidence starlark.Value = starlark.None, starlark.None, starlark.None, starlark.None
		err := starlark.UnpackArgs(word, args, kwargs, "rule", &rule, "title", &title, "about?", &about, "victims?", &victims,
			"members?", &members, "evidence?", &evidence, "means?", &means, "do?", &do, "because?", &because)
		if err != nil {
			return nil, err
		}
		if !isSlug(rule) {
			return nil, fmt.Errorf("%s: rule %q: want a slug (a-z, 0-9 and -), such as %q", word, oneLine(rule), slug(rule))
		}
		if strings.TrimSpace(title) == "" {
			return nil, fmt.Errorf("%s: title is empty", word)
		}
		f := event.Finding{
			Verdict: verdict, Rule: step.run.recipe.Name + "/" + rule, Title: cleanText(title),
			Means: cleanText(means), Do: cleanText(do), Because: cleanText(because), Pos: said(thread),
		}
		if f.About, err = subjectOf(about); err != nil {
			return nil, fmt.Errorf("%s: about: %w", word, err)
		}
		if f.Victims, err = subjectsOf("victims", victims); err != nil {
			return nil, fmt.Errorf("%s: %w", word, err)
		}
		if f.Members, err = subjectsOf("members", members); err != nil {
			return nil, fmt.Errorf("%s: %w", word, err)
		}
		if f.Evidence, err = evidenceOf(evidence); err != nil {
			return nil, fmt.Errorf("%s: %w", word, err)
		}
		step.found(f)
		return starlark.None, nil
	})
}

func isSlug(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return false
		}
	}
	return s != "" && !strings.HasPrefix(s, "-") && !strings.HasSuffix(s, "-")
}

// slug makes a rule's name of any text.
func slug(s string) string {
	fields := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	if len(fields) == 0 {
		return "a-rule"
	}
	return strings.Join(fields, "-")
}

// stopped is the error by which stop() leaves the script.
type stopped struct {
	reason  string
	unknown bool
}

func (s *stopped) Error() string { return "stopped: " + s.reason }

// sayStop is stop(reason, unknown = False): the recipe ends in peace, or as
// incomplete when what it was asked for could not be looked at.
func sayStop(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	step := running(thread)
	if step == nil {
		return nil, errors.New("stop: only inside a step")
	}
	s := &stopped{}
	if err := starlark.UnpackArgs("stop", args, kwargs, "reason", &s.reason, "unknown?", &s.unknown); err != nil {
		return nil, err
	}
	s.reason = oneLine(s.reason)
	if s.reason == "" {
		return nil, errors.New("stop: reason is empty")
	}
	return nil, s
}

// sayShow is show(value, title = ""): a tree, a graph or a table goes into the
// stream. A list of dicts or records is a table; a list of views, each of them.
func sayShow(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	step := running(thread)
	if step == nil {
		return nil, errors.New("show: only inside a step")
	}
	var value starlark.Value
	var title string
	if err := starlark.UnpackArgs("show", args, kwargs, "value", &value, "title?", &title); err != nil {
		return nil, err
	}
	views, err := viewsOf(value)
	if err != nil {
		return nil, fmt.Errorf("show: %w", err)
	}
	for _, v := range views {
		if title != "" {
			v.Title = title
		}
		step.show(v)
	}
	return starlark.None, nil
}

func viewsOf(v starlark.Value) ([]event.View, error) {
	if isFields(v) {
		if _, drawn := v.(Viewer); !drawn {
			return []event.View{table([]event.Fields{fieldOf(v).(event.Fields)})}, nil
		}
	}
	switch v := v.(type) {
	case Viewer:
		return []event.View{v.View()}, nil
	case starlark.Iterable:
		var views []event.View
		var rows []event.Fields
		iter := v.Iterate()
		defer iter.Done()
		var x starlark.Value
		for i := 0; iter.Next(&x); i++ {
			if view, ok := x.(Viewer); ok {
				views = append(views, view.View())
				continue
			}
			if !isFields(x) {
				return nil, fmt.Errorf("value[%d]: got %s, want something to draw, or a row (dict or record)", i, x.Type())
			}
			rows = append(rows, fieldOf(x).(event.Fields))
		}
		if len(rows) > 0 {
			views = append(views, table(rows))
		}
		return views, nil
	default:
		return nil, fmt.Errorf("got %s, want a tree, a graph, or a list of rows", v.Type())
	}
}

// table lays rows out in columns, in the order in which names were first said.
func table(rows []event.Fields) event.View {
	v := event.View{Kind: "table"}
	at := map[string]int{}
	for _, row := range rows {
		for _, f := range row {
			if _, ok := at[f.Name]; !ok {
				at[f.Name] = len(v.Columns)
				v.Columns = append(v.Columns, f.Name)
			}
		}
	}
	for i, row := range rows {
		cells := make([]string, len(v.Columns))
		for _, f := range row {
			cells[at[f.Name]] = cell(f.Value)
		}
		v.Nodes = append(v.Nodes, event.Node{ID: fmt.Sprint(i + 1), Cells: cells})
	}
	return v
}

func cell(v any) string {
	switch v := v.(type) {
	case nil:
		return "?"
	case []any:
		parts := make([]string, len(v))
		for i, x := range v {
			parts[i] = cell(x)
		}
		return strings.Join(parts, " ")
	case event.Fields:
		parts := make([]string, len(v))
		for i, f := range v {
			parts[i] = f.Name + "=" + cell(f.Value)
		}
		return strings.Join(parts, " ")
	default:
		return fmt.Sprint(v)
	}
}
